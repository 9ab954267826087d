/**
 * Loading the libraries and starting makes much garbage at once, for which V8 would enlarge its space for young objects and never
 * shrink it again: 20 MB that an idle bridge keeps. So it does not grow until the bridge runs, and grows under load as ever then.
 */
import { setFlagsFromString } from "node:v8";

const growth = (factor: number) => setFlagsFromString(`--semi-space-growth-factor=${factor}`);

/** To be called before anything large is loaded. */
export const keepYoungHeapSmall = (): void => growth(1);
/** V8's own default again. */
export const letYoungHeapGrow = (): void => growth(2);
