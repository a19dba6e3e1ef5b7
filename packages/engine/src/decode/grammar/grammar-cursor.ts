import { GrammarError } from '@ogong/protocol/modality/text/grammar/grammar-error';
import {
  compileGrammar,
  createGrammarMachine,
  type GrammarMachine,
  type GrammarState,
  MAX_VISITS,
} from '@ogong/protocol/modality/text/grammar/machine';
import { EngineError } from '../../interface/engine-error.ts';
import type { BatchModel } from '../batch-model.ts';
import { createTokenTrie, type TokenTrie } from './token-trie.ts';

/** Tokens that a grammar allows at one position. */
export interface TokenMask {
  /** One bit for each token, from the lowest of each word on. */
  readonly bits: Uint32Array;
  readonly count: number;
}

export const isAllowed = ({ bits }: TokenMask, token: number): boolean =>
  (((bits[token >>> 5] as number) >>> (token & 31)) & 1) === 1;

/** The place of one reply in its grammar. */
export interface GrammarCursor {
  /**
   * The tokens that may come next; undefined once a token came that the grammar forbids.
   * @throws EngineError('invalid-request') if the grammar has too many ways to go on.
   */
  mask(): TokenMask | undefined;
  accept(token: number): void;
}

/** The grammars of one model's replies. Each is compiled once, and its masks are kept, within bounds. */
export interface Grammars {
  /** @throws EngineError('invalid-request') */
  open(text: string): GrammarCursor;
}

/** Steps of a grammar for one mask. A verifier allows more: it must be able to repeat what a provider could do. */
export const SERVING_WORK: number = 32 * MAX_VISITS;
export const SCORING_WORK: number = 8 * SERVING_WORK;
const MAX_GRAMMARS = 16;
const MAX_MASKS = 256;

interface KnownGrammar {
  readonly machine: GrammarMachine;
  readonly masks: Map<GrammarState, TokenMask>;
}

/** Made once for serving and scoring. */
const tries = new WeakMap<BatchModel, TokenTrie>();

function findTrie(model: BatchModel): TokenTrie {
  const trie = tries.get(model) ?? createTokenTrie(model);
  tries.set(model, trie);
  return trie;
}

export function createGrammars(model: BatchModel, work: number): Grammars {
  const grammars = new Map<string, KnownGrammar>();
  const findGrammar = (text: string): KnownGrammar => {
    const known =
      grammars.get(text) ??
      refuseBad(() => ({ machine: createGrammarMachine(compileGrammar(text)), masks: new Map() }));
    keep(grammars, text, known, MAX_GRAMMARS);
    return known;
  };
  return {
    open(text) {
      const { machine, masks } = findGrammar(text);
      let state: GrammarState | undefined = machine.start;
      return {
        mask: () =>
          refuseBad(() => {
            if (state === undefined) return undefined;
            const renewed = machine.renew(state, work);
            // The machine has forgotten its states, so their masks are of no use.
            if (renewed !== state) masks.clear();
            state = renewed;
            const mask = masks.get(state) ?? computeMask(machine, state, findTrie(model), model.vocabularySize);
            keep(masks, state, mask, MAX_MASKS);
            return mask;
          }),
        accept: (token) =>
          refuseBad(() => {
            const bytes = model.bytesOf(token);
            // After its end, or after a token without a text, no text goes on.
            if (model.isEnd(token) || bytes.length === 0) state = undefined;
            // So few bytes need no bound of their own.
            if (state !== undefined) state = machine.renew(state, Number.MAX_SAFE_INTEGER);
            for (const byte of bytes) state = state && machine.step(state, byte);
          }),
      };
    },
  };
}

/** Keeps an entry as the newest, and of the others only so many. */
function keep<K, V>(entries: Map<K, V>, key: K, value: V, most: number): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size <= most) return;
  for (const oldest of entries.keys()) {
    entries.delete(oldest);
    break;
  }
}

function refuseBad<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    throw new EngineError('invalid-request', error.message, { cause: error });
  }
}

function computeMask(machine: GrammarMachine, start: GrammarState, trie: TokenTrie, vocabularySize: number): TokenMask {
  const { byte, child, sibling, token, nextToken, ends } = trie;
  const bits = new Uint32Array((vocabularySize + 31) >>> 5);
  let count = 0;
  const allow = (id: number): void => {
    bits[id >>> 5] = (bits[id >>> 5] as number) | (1 << (id & 31));
    count++;
  };
  const walk = (parent: number, state: GrammarState): void => {
    for (let node = child[parent] as number; node > 0; node = sibling[node] as number) {
      const next = machine.step(state, byte[node] as number);
      if (next === undefined) continue;
      for (let id = token[node] as number; id >= 0; id = nextToken[id] as number) allow(id);
      if ((child[node] as number) > 0) walk(node, next);
    }
  };
  walk(0, start);
  if (start.isComplete) for (const id of ends) allow(id);
  return { bits, count };
}
