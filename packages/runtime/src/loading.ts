/** Stands first in index.ts: what is imported after it loads into a small young heap. `run` lets it grow. */
import { keepYoungHeapSmall } from "./young-heap.ts";

keepYoungHeapSmall();
