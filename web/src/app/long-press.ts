/** How long a finger rests before it means "more". */
const HOLD_MS = 500;
/** How far it may tremble meanwhile; beyond, somebody scrolls. */
const TREMBLE_PX = 10;

/** Tells a long press from a tap. A mouse's other button and the keyboard's menu key mean the same and come as `contextmenu`. */
export class LongPress {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private from = { x: 0, y: 0 };
  /** The press was long: the click that follows it is none. */
  private long = false;

  down(event: PointerEvent, open: () => void): void {
    this.long = false;
    this.stop();
    if (event.button !== 0) return;
    this.from = { x: event.clientX, y: event.clientY };
    this.timer = setTimeout(() => {
      this.long = true;
      open();
    }, HOLD_MS);
  }

  move(event: PointerEvent): void {
    if (Math.hypot(event.clientX - this.from.x, event.clientY - this.from.y) > TREMBLE_PX) this.stop();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Some browsers say `contextmenu` for a long touch, some do not; whoever is second says nothing new. */
  menu(event: Event, open: () => void): void {
    event.preventDefault();
    this.stop();
    if (this.long) return;
    this.long = event instanceof PointerEvent && event.pointerType === "touch";
    open();
  }

  /** Keeps the click of a long press from anybody. */
  swallow(event: Event): void {
    if (!this.long) return;
    this.long = false;
    event.preventDefault();
    event.stopPropagation();
  }
}
