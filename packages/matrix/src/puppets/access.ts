/** What acting for a person takes: by which token, and the mark on what was said so. */

/** Under the name that other bridges know too: whose puppet an event was said through. */
export const puppetField = "fi.mau.double_puppet_source";

export const puppetMark = (span: string): string => `trestle-${span}`;

/** Parts of a call: his own token, or that of the double-puppet registration, with which `user_id` goes. */
export interface PuppetAccess {
  readonly token: string;
  readonly masquerade?: true;
}
