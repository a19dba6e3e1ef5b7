import { SealedCallError } from '../errors.ts';
import type { SealedDelta } from './sealed-reply.ts';

/**
 * What a caller was shown of a reply, over all tries. A further try gives the reply from its start, under the same draws: it has to
 * repeat what was shown before anything of it is new. So the record that holds in the end is one of all that the caller has.
 */
export interface RepeatedText {
  readonly hasBegun: boolean;
  /** Another try begins from the start. */
  restart(): void;
  /** @returns what of a delta is new; undefined where that is nothing. @throws SealedCallError where the try says something else. */
  take(delta: SealedDelta): SealedDelta | undefined;
  /** The try is over. @throws SealedCallError where it says less than was shown. */
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
      // A part that shows nothing, and there may be any number of them, keeps nobody else from serving the reply.
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
