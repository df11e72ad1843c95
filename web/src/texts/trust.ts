import { texts } from "../texts";

const en = {
  title: "A safe line to your hub",
  lead: "Phones keep their data with them, and can be installed, only over a line they trust. Your hub speaks for itself: tell this device once that you know it.",
  already: "This device trusts your hub. There is nothing more to do.",
  reached: "This device trusts your hub already.",
  open: "Go on over the safe line",
  off: "This hub has no https of its own. Whoever set it up has put it behind another server, or switched it off (tls.mode).",
  files: "This hub uses a certificate that somebody else brings (tls.mode: files). Nothing has to be trusted by hand.",
  get: "Get the certificate",
  compare: "Compare this fingerprint with the one your device shows, and with the one on the hub:",
  compareHow: "On the hub: openssl x509 -in tls/ca.pem -noout -fingerprint -sha256, in its data directory.",
  check: "Try it",
  checking: "One moment…",
  notYet: "Not yet: this device does not trust the hub. Close and open the browser after the steps above, then try again.",
  works: "It works.",
  bound: "It vouches for names and addresses inside a home and for nothing else, so it is no danger to other sites.",
  back: "Back to Kairos Hub",
  system: "Your device",
  systems: {
    iphone: "iPhone and iPad",
    android: "Android",
    mac: "Mac",
    windows: "Windows",
    linux: "Linux",
    firefox: "Firefox, on any computer",
  },
  steps: {
    iphone: [
      "Open this page in Safari and get the certificate. Allow the download of a profile.",
      "Settings › General › VPN & Device Management: open “Kairos Hub …” and install it.",
      "Settings › General › About › Certificate Trust Settings: switch “Kairos Hub …” on.",
    ],
    android: [
      "Get the certificate.",
      "Settings › Security & privacy › More › Encryption & credentials › Install a certificate › CA certificate. (Where it stands differs; search the settings for “CA certificate”.)",
      "Choose “Install anyway”, then the file kairos-hub.crt.",
    ],
    mac: [
      "Get the certificate and open it: Keychain Access takes it into “login”.",
      "Open “Kairos Hub …” there, and under Trust choose “Always Trust”.",
    ],
    windows: [
      "Get the certificate and open it; choose “Install Certificate”, then “Current User”.",
      "“Place all certificates in the following store” › “Trusted Root Certification Authorities”.",
    ],
    linux: [
      "Chrome and Chromium: Settings › Privacy and security › Security › Manage certificates › Local certificates › Installed by you › Trusted certificates › Import.",
      "For the whole system (Debian): copy it to /usr/local/share/ca-certificates/ and run update-ca-certificates.",
    ],
    firefox: [
      "Settings › Privacy & Security › Certificates › View Certificates › Authorities › Import.",
      "Tick “Trust this CA to identify websites”.",
    ],
  },
};

const de: typeof en = {
  title: "Eine sichere Leitung zu deinem Hub",
  lead: "Telefone behalten ihre Daten bei sich und lassen sich einrichten nur über eine Leitung, der sie vertrauen. Dein Hub bürgt für sich selbst: sag diesem Gerät einmal, dass du ihn kennst.",
  already: "Dieses Gerät vertraut deinem Hub. Mehr ist nicht zu tun.",
  reached: "Dieses Gerät vertraut deinem Hub schon.",
  open: "Über die sichere Leitung weiter",
  off: "Dieser Hub hat kein eigenes https. Wer ihn eingerichtet hat, hat ihn hinter einen anderen Server gestellt oder es abgeschaltet (tls.mode).",
  files: "Dieser Hub benutzt ein Zertifikat, das jemand anders bringt (tls.mode: files). Von Hand ist nichts zu bestätigen.",
  get: "Zertifikat holen",
  compare: "Vergleiche diesen Fingerabdruck mit dem, den dein Gerät zeigt, und mit dem auf dem Hub:",
  compareHow: "Auf dem Hub, in seinem Datenverzeichnis: openssl x509 -in tls/ca.pem -noout -fingerprint -sha256",
  check: "Ausprobieren",
  checking: "Einen Moment …",
  notYet: "Noch nicht: dieses Gerät vertraut dem Hub noch nicht. Schließe den Browser nach den Schritten oben, öffne ihn wieder und versuch es noch einmal.",
  works: "Es geht.",
  bound: "Es bürgt für Namen und Adressen im Haus und für nichts anderes; für andere Seiten ist es keine Gefahr.",
  back: "Zurück zu Kairos Hub",
  system: "Dein Gerät",
  systems: {
    iphone: "iPhone und iPad",
    android: "Android",
    mac: "Mac",
    windows: "Windows",
    linux: "Linux",
    firefox: "Firefox, auf jedem Rechner",
  },
  steps: {
    iphone: [
      "Öffne diese Seite in Safari und hole das Zertifikat. Erlaube den Download des Profils.",
      "Einstellungen › Allgemein › VPN und Geräteverwaltung: „Kairos Hub …“ öffnen und installieren.",
      "Einstellungen › Allgemein › Info › Zertifikatsvertrauenseinstellungen: „Kairos Hub …“ einschalten.",
    ],
    android: [
      "Hole das Zertifikat.",
      "Einstellungen › Sicherheit und Datenschutz › Mehr › Verschlüsselung und Anmeldedaten › Zertifikat installieren › CA-Zertifikat. (Wo es steht, ist verschieden; suche in den Einstellungen nach „CA-Zertifikat“.)",
      "Wähle „Trotzdem installieren“, dann die Datei kairos-hub.crt.",
    ],
    mac: [
      "Hole das Zertifikat und öffne es: die Schlüsselbundverwaltung nimmt es in „Anmeldung“ auf.",
      "Öffne dort „Kairos Hub …“ und wähle unter Vertrauen „Immer vertrauen“.",
    ],
    windows: [
      "Hole das Zertifikat und öffne es; wähle „Zertifikat installieren“, dann „Aktueller Benutzer“.",
      "„Alle Zertifikate in folgendem Speicher speichern“ › „Vertrauenswürdige Stammzertifizierungsstellen“.",
    ],
    linux: [
      "Chrome und Chromium: Einstellungen › Datenschutz und Sicherheit › Sicherheit › Zertifikate verwalten › Lokale Zertifikate › Von dir installiert › Vertrauenswürdige Zertifikate › Importieren.",
      "Für das ganze System (Debian): nach /usr/local/share/ca-certificates/ kopieren und update-ca-certificates ausführen.",
    ],
    firefox: [
      "Einstellungen › Datenschutz & Sicherheit › Zertifikate › Zertifikate anzeigen › Zertifizierungsstellen › Importieren.",
      "„Dieser CA vertrauen, um Websites zu identifizieren“ ankreuzen.",
    ],
  },
};

export const words = texts("trust", en, de);
