import { defineConfig } from 'vite';

export default defineConfig({
  // The published files lie elsewhere; what they import is found here.
  resolve: { dedupe: ['@powersync/common'] },
  build: { target: 'es2022', reportCompressedSize: false }
});
