import { StoreError } from '../store/store-error.ts';
import { Refusal, type RefusalCode } from './link-error.ts';

/** The step at which sealed content was refused, with the only words about it that leave in plain. */
const PLACES = {
  request: 'the sealed request is refused, and its sender has the reason under the seal',
  media: 'the media of the sealed request are refused, and its sender has the reason under the seal',
  reply: 'the sealed request is not served, and its sender has the reason under the seal',
  part: 'the sealed part is refused',
} as const;

export type ClosedPlace = keyof typeof PLACES;

/** Refusals by a role that knows the order alone, such as its validator. */
const ABOUT_ORDER: ReadonlySet<RefusalCode> = new Set(['not-admitted']);

const WITHHELD = 'a failure with sealed content, whose message is withheld';

/** A fault while sealed content was in memory: its class, its code and its place in the code, without a message. */
class ClosedFailure extends Error {
  readonly code: string | undefined;
  constructor({ name, code, stack = '', message }: Error & { readonly code?: unknown }) {
    super(WITHHELD);
    this.name = name;
    this.code = typeof code === 'string' ? code : undefined;
    // The frames follow the message, which could imitate some.
    const at = stack.indexOf(message);
    const frames = at < 0 ? [] : (stack.slice(at + message.length).match(/\n {4}at .*/g) ?? []);
    this.stack = `${name}: ${WITHHELD}${frames.join('')}`;
  }
}

export interface ClosedErrorOptions {
  readonly place: ClosedPlace;
  /** Seals words to the sender of the content. @returns undefined if that is not possible any more. Default: the words are left out. */
  readonly seal?: ((words: string) => Uint8Array | undefined) | undefined;
}

/**
 * Decides alone what of an error may leave in plain once sealed content was opened: links, logs, metrics, traces and disks get the
 * result. A refusal keeps its code, the words of a place from a closed list, and its own words under the seal. A fault keeps its class,
 * its code and its stack frames.
 */
export function closeError(error: unknown, { place, seal }: ClosedErrorOptions): Error {
  if (error instanceof Refusal) {
    if (ABOUT_ORDER.has(error.reason)) return error;
    return new Refusal(error.reason, PLACES[place], seal?.(error.rawMessage));
  }
  if (error instanceof StoreError) return new StoreError(error.code, WITHHELD);
  return new ClosedFailure(error instanceof Error ? error : new Error());
}
