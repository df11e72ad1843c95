// A driver's end of a conversation: one command a line on stdin, one answer a line on stdout, until stdin ends.
import { createInterface } from 'node:readline';

// The SDK's own words go where a person may read them; stdout is for answers.
for (const level of ['log', 'info', 'debug', 'warn']) console[level] = (...words) => console.error(...words);

export function serve(run, end = async () => {}) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { id, command, ...rest } = JSON.parse(line);
    try {
      const result = await run(command, rest);
      process.stdout.write(`${JSON.stringify({ id, result })}\n`);
    } catch (error) {
      process.stdout.write(`${JSON.stringify({ id, error: String(error?.stack ?? error) })}\n`);
    }
  });
  lines.on('close', () => end().finally(() => process.exit(0)));
}
