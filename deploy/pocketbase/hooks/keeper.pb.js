// What the environment says of the superuser, each time before anybody is answered: who it is, its password, and from where
// it may come. In here, and not by the program's commands, since these take a password as an argument only, which everybody on
// the machine could read.
onBootstrap((e) => {
  e.next();
  const app = e.app;
  const settings = app.settings();
  // A token of a superuser that got out opens nothing from elsewhere.
  const from = ($os.getenv('PB_SUPERUSERS_FROM') || '').split(',').filter(Boolean);
  if (from.length && JSON.stringify(settings.superuserIPs) !== JSON.stringify(from)) {
    settings.superuserIPs = from;
    app.save(settings);
  }

  const email = $os.getenv('PB_ADMIN_EMAIL');
  // Without the line's end that an editor adds.
  const password = toString($os.readFile($os.getenv('PB_ADMIN_PASSWORD_FILE'))).replace(/[\r\n]+$/, '');
  let keeper;
  try {
    keeper = app.findAuthRecordByEmail('_superusers', email);
  } catch (_) {
    keeper = new Record(app.findCollectionByNameOrId('_superusers'));
    keeper.setEmail(email);
  }
  if (keeper.isNew() || !keeper.validatePassword(password)) {
    keeper.setPassword(password);
    app.save(keeper);
  }
});
