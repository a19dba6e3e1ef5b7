import type { TextEngine, TextGenerationEvent, TextGenerationRequest } from '@ogong/engine/interface/text';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeOpening, parseOpening } from '@ogong/protocol/commitment/opening';
import { type AttackDefinition, type CreateAttack, disguiseEngine } from './attack.ts';

/**
 * `text`: signs an answer that its tokens do not spell. `leaf`: changes a leaf after signing. `committed`: changes a byte of a
 * leaf before signing. `response`: changes the answer on its way to the consumer; only the consumer can see that.
 */
export const TAMPER_TARGETS = ['text', 'leaf', 'committed', 'response'] as const;
export type TamperTarget = (typeof TAMPER_TARGETS)[number];

export interface TamperOptions {
  /** One target for each reply, in turn. Default: those that the network can check. */
  readonly targets?: readonly TamperTarget[];
}

const AIM = 'change what was answered or committed';

export function createTamperAttackOf({ targets = ['text', 'leaf', 'committed'] }: TamperOptions): CreateAttack {
  return ({ engine }) => {
    let replies = 0;
    /** The replies whose leaf is to be changed, by their first windows, because an engine does not know reply ids. */
    const marked = new Set<string>();
    return {
      name: 'tamper',
      aim: AIM,
      engine: disguiseEngine(engine, {
        generate: (request, options) => {
          const target = targets[replies++ % targets.length] as TamperTarget;
          return tamperWith(engine, { target, marked }, request, options);
        },
      }),
      openOpening: (opening) => flipMarkedLeaf(opening, marked),
    };
  };
}

export const tamper: AttackDefinition = {
  name: 'tamper',
  family: 'commitment',
  aim: AIM,
  caughtBy: [
    'response-text',
    'commitment-root',
    'commitment-form',
    'listing',
    'draw-replay',
    'token-count',
    'equality',
  ],
  uncaught: 'text that is changed only on its way to the consumer: the consumer sees it, and cannot prove it',
  create: createTamperAttackOf({}),
};

async function* tamperWith(
  engine: TextEngine,
  { target, marked }: { readonly target: TamperTarget; readonly marked: Set<string> },
  request: TextGenerationRequest,
  options?: { signal?: AbortSignal },
): AsyncGenerator<TextGenerationEvent> {
  let isDone = false;
  let length = 0;
  let change = (text: string): string => text;
  for await (const event of engine.generate(request, options)) {
    if (!isDone && event.kind === 'token' && event.text !== '' && (target === 'response' || target === 'text')) {
      isDone = true;
      const text = flipCharacter(event.text);
      const at = length;
      // The provider signs the text of the `end` event.
      if (target === 'text') change = (whole) => whole.slice(0, at) + text + whole.slice(at + text.length);
      yield { ...event, text };
    } else if (!isDone && event.kind === 'window' && target === 'committed') {
      isDone = true;
      yield { ...event, window: { ...event.window, draws: flipByte(event.window.draws) } };
    } else if (!isDone && event.kind === 'window' && target === 'leaf') {
      isDone = true;
      marked.add(toHex(event.window.draws));
      yield event;
    } else if (event.kind === 'end') yield { ...event, text: change(event.text) };
    else yield event;
    if (event.kind === 'token') length += event.text.length;
  }
}

function flipCharacter(text: string): string {
  const last = text.length - 1;
  return text.slice(0, last) + (text[last] === '.' ? ',' : '.');
}

/** Flips a byte in the middle, away from version and counts: a log-probability or a token id. */
function flipByte(bytes: Uint8Array): Uint8Array {
  const flipped = bytes.slice();
  const middle = flipped.length >> 1;
  flipped[middle] = (flipped[middle] as number) ^ 0x10;
  return flipped;
}

function flipMarkedLeaf(bytes: Uint8Array, marked: ReadonlySet<string>): Uint8Array {
  const { windows, ...opening } = parseOpening(bytes);
  const [first, ...rest] = windows;
  if (!first || !marked.has(toHex(first.draws))) return bytes;
  return encodeOpening({ ...opening, windows: [{ ...first, draws: flipByte(first.draws) }, ...rest] });
}
