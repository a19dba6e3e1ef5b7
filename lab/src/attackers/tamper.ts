import type { Engine, GenerateEvent, GenerateRequest } from '@ogong/engine/engine';
import { toHex } from '@ogong/protocol/bytes';
import { encodeOpening, parseOpening } from '@ogong/protocol/opening';
import { type CreateAttack, disguiseEngine } from './attack.ts';

/** `committed`: a byte is bent before it is signed; `response` and `leaf`: after. One reply each, in turn. */
export const TAMPER_TARGETS = ['response', 'leaf', 'committed'] as const;
export type TamperTarget = (typeof TAMPER_TARGETS)[number];

export interface TamperOptions {
  /** Which target comes with which reply; default: in turn. */
  readonly targets?: readonly TamperTarget[];
}

export function createTamperAttackOf({ targets = TAMPER_TARGETS }: TamperOptions): CreateAttack {
  return ({ engine }) => {
    let replies = 0;
    /** First windows of the replies whose leaf is to be bent: an engine is not told reply ids. */
    const marked = new Set<string>();
    return {
      mode: 'tamper',
      aim: 'change what was answered or committed',
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

export const createTamperAttack: CreateAttack = createTamperAttackOf({});

async function* tamperWith(
  engine: Engine,
  { target, marked }: { readonly target: TamperTarget; readonly marked: Set<string> },
  request: GenerateRequest,
  options?: { signal?: AbortSignal },
): AsyncGenerator<GenerateEvent> {
  let isDone = false;
  for await (const event of engine.generate(request, options)) {
    if (!isDone && target === 'response' && event.kind === 'token' && event.text !== '') {
      isDone = true;
      // The record will sign the text of the `end` event; the consumer is sent this.
      yield { ...event, text: flipCharacter(event.text) };
    } else if (!isDone && target === 'committed' && event.kind === 'window') {
      isDone = true;
      yield { ...event, window: { ...event.window, draws: flipByte(event.window.draws) } };
    } else if (!isDone && target === 'leaf' && event.kind === 'window') {
      isDone = true;
      marked.add(toHex(event.window.draws));
      yield event;
    } else yield event;
  }
}

function flipCharacter(text: string): string {
  const last = text.length - 1;
  return text.slice(0, last) + (text[last] === '.' ? ',' : '.');
}

/** In the middle, far from the version and the counts: a log-probability or a token id. */
function flipByte(bytes: Uint8Array): Uint8Array {
  const flipped = bytes.slice();
  const middle = flipped.length >> 1;
  flipped[middle] = (flipped[middle] as number) ^ 0x10;
  return flipped;
}

function flipMarkedLeaf(bytes: Uint8Array, marked: ReadonlySet<string>): Uint8Array {
  const { header, windows } = parseOpening(bytes);
  const [first, ...rest] = windows;
  if (!first || !marked.has(toHex(first.draws))) return bytes;
  return encodeOpening({ header, windows: [{ ...first, draws: flipByte(first.draws) }, ...rest] });
}
