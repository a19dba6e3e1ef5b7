import { SealedCallError } from '../errors.ts';
import type { SealedDelta } from './sealed-reply.ts';

/**
 * The shown text of a reply, over all tries. A further try gives the reply from its start, under the same draws: it has to repeat the shown
 * text before it adds to it. So the final record covers all that the caller has.
 */
export interface RepeatedText {
  readonly hasBegun: boolean;
  /** Another try begins from the start. */
  restart(): void;
  /** @returns the new part of a delta; undefined if there is none. @throws SealedCallError if the try has another text. */
  take(delta: SealedDelta): SealedDelta | undefined;
  /** The try is over. @throws SealedCallError if it is shorter than the shown text. */
  end(): void;
}

export function createRepeatedText(): RepeatedText {
  let text = '';
  let saidLength = 0;
  let hasBegun = false;
  return {
    get hasBegun() {
      return hasBegun;
    },
    restart() {
      saidLength = 0;
    },
    take(delta) {
      // Any number of parts without text do not stop another provider from serving the reply.
      hasBegun ||= delta.text !== '' || delta.tokens.length > 0;
      const again = delta.text.slice(0, text.length - saidLength);
      if (!text.startsWith(again, saidLength)) throw createOtherReply();
      saidLength += delta.text.length;
      if (again === '') {
        text += delta.text;
        return delta;
      }
      const fresh = delta.text.slice(again.length);
      text += fresh;
      return fresh === '' ? undefined : { ...delta, text: fresh };
    },
    end() {
      if (saidLength < text.length) throw createOtherReply();
    },
  };
}

const createOtherReply = (): SealedCallError =>
  new SealedCallError('repeated', 'the reply broke off, and another provider gives another one than was shown');
