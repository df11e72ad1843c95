/** The phone app's entry. */
import "./app/root";
