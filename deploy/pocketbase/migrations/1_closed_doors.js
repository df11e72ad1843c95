// PocketBase's open doors, closed at the first start. Changing any of this later, in its own pages, is yours.
migrate((app) => {
  // Whoever is in `users` may come into the hubs, so nobody adds themselves.
  const users = app.findCollectionByNameOrId('users');
  users.createRule = null;
  app.save(users);

  const settings = app.settings();
  settings.meta.appName = 'Kairos accounts';
  // Passwords cannot be tried without limit. All people of a hub sign in from its one address, and the hub limits them.
  settings.rateLimits.enabled = true;
  settings.rateLimits.excludedIPs = ($os.getenv('PB_HUBS') || '').split(',').filter(Boolean);
  // Only the proxy and the hub reach it, and the proxy says for whom it asks.
  settings.trustedProxy.headers = ['X-Forwarded-For'];
  // Every night, two weeks of them.
  settings.backups.cron = '30 2 * * *';
  settings.backups.cronMaxKeep = 14;
  app.save(settings);
}, () => {});
