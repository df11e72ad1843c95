/** The mirror's entry: nothing of the phone app is loaded here (`npm run budget`). */
import "./mirror/view";
