import { texts } from "../texts";

export const words = texts("more", { title: "More", tab: "More" }, { title: "Mehr", tab: "Mehr" });
