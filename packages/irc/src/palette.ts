/**
 * The colours that IRC's numbers stand for, and the nearest number to any colour. Clients draw 0-15 as their themes like, so
 * these are the usual values; 16-98 are fixed (https://modern.ircdocs.horse/formatting#colors).
 */

const basic =
  "ffffff 000000 00007f 009300 ff0000 7f0000 9c009c fc7f00 ffff00 00fc00 009393 00ffff 0000fc ff00ff 7f7f7f d2d2d2";

// Seven rows of twelve hues from dark to pale, then eleven greys.
const extended =
  "470000 472100 474700 324700 004700 00472c 004747 002747 000047 2e0047 470047 47002a " +
  "740000 743a00 747400 517400 007400 007449 007474 004074 000074 4b0074 740074 740045 " +
  "b50000 b56300 b5b500 7db500 00b500 00b571 00b5b5 0063b5 0000b5 7500b5 b500b5 b5006b " +
  "ff0000 ff8c00 ffff00 b2ff00 00ff00 00ffa0 00ffff 008cff 0000ff a500ff ff00ff ff0098 " +
  "ff5959 ffb459 ffff71 cfff60 6fff6f 65ffc9 6dffff 59b4ff 5959ff c459ff ff66ff ff59bc " +
  "ff9c9c ffd39c ffff9c e2ff9c 9cff9c 9cffdb 9cffff 9cd3ff 9c9cff dc9cff ff9cff ff94d3 " +
  "000000 131313 282828 363636 4d4d4d 656565 818181 9f9f9f bcbcbc e2e2e2 ffffff";

const palette: readonly string[] = `${basic} ${extended}`.split(" ").map((hex) => `#${hex}`);

/** The colour of a number as `#rrggbb`; undefined for 99, the client's default, and for what is no colour. */
export function colorOfNumber(number: number): string | undefined {
  return palette[number];
}

/** The number from 0 to 15 whose usual colour is nearest to `#rrggbb`; undefined when that is no colour. */
export function nearestNumber(color: string): number | undefined {
  const wanted = channels(color);
  if (wanted === undefined) return undefined;
  let nearest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [number, usual] of basicChannels.entries()) {
    const distance = distanceOf(wanted, usual);
    if (distance < least) [nearest, least] = [number, distance];
  }
  return nearest;
}

const basicChannels: readonly Channels[] = palette.slice(0, 16).map((hex) => channels(hex) ?? [0, 0, 0]);

/** White or black, whichever can be read on this background. */
export function readableOn(background: string): string {
  const [red, green, blue] = channels(background) ?? [0, 0, 0];
  return red * 299 + green * 587 + blue * 114 > 127_500 ? "#000000" : "#ffffff";
}

/** `rrggbb` in lower case, or undefined. */
export function hexOf(color: string): string | undefined {
  const hex = color.toLowerCase();
  return /^#[0-9a-f]{6}$/.test(hex) ? hex.slice(1) : undefined;
}

type Channels = readonly [red: number, green: number, blue: number];

function channels(color: string): Channels | undefined {
  const hex = hexOf(color);
  if (hex === undefined) return undefined;
  const number = Number.parseInt(hex, 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

// Weighted by how much the eye sees of each channel ("redmean"): cheap, and near enough for sixteen colours.
function distanceOf(a: Channels, b: Channels): number {
  const mean = (a[0] + b[0]) / 2;
  const [red, green, blue] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  return (2 + mean / 256) * red * red + 4 * green * green + (2 + (255 - mean) / 256) * blue * blue;
}
