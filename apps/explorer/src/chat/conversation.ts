import type { Check } from '@ogong/protocol/base/checks';
import { isSealedModel } from './sealed-model.ts';

/** A question, its answer, and the page's findings about it. */
export interface ChatTurn {
  readonly id: number;
  readonly model: string;
  readonly question: string;
  readonly answer: string;
  readonly reasoning?: string;
  /** The exact body that was sent. */
  readonly body?: string;
  readonly state: 'asking' | 'answered' | 'stopped' | 'failed';
  /** Why it failed. */
  readonly problem?: string;
  readonly receiptPath?: string;
  readonly checks?: readonly Check[];
  readonly replyId?: string;
  readonly feeAtomic?: string;
  /** Of the network: admitted, recorded, audited, batched, settled. */
  readonly fate?: string;
  readonly verdict?: string;
  readonly tokens?: number;
  /** Why the model stopped, such as `stop` or `length`. */
  readonly finish?: string;
  /** Set once another question or answer has taken its place. It stays for its cost alone. */
  readonly isReplaced?: boolean;
  /** Number of received pieces of the answer: at most as many as it has tokens. */
  readonly pieces?: number;
}

/** The least cost of an unfinished answer: its prompt and tokens that show no text are not counted. */
export const leastFee = (pieces: number, pricePer1kAtomic: bigint): bigint =>
  (pricePer1kAtomic * BigInt(pieces)) / 1_000n;

const PLACE = 'ogong-chat';
const MAX_TURNS = 100;
const MAX_CHARACTERS = 1_000_000;

type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Of this browser alone. An unreadable value counts as no history. */
export function loadTurns(storage: Storage): ChatTurn[] {
  try {
    const turns = JSON.parse(storage.getItem(PLACE) ?? '[]') as ChatTurn[];
    if (!Array.isArray(turns)) return [];
    return turns
      .filter(
        ({ id, question, answer }) =>
          Number.isSafeInteger(id) && typeof question === 'string' && typeof answer === 'string',
      )
      .map((turn) => (turn.state === 'asking' ? { ...turn, state: 'stopped' } : turn));
  } catch {
    return [];
  }
}

/** The newest that fit; a browser without room keeps none. */
export function saveTurns(storage: Storage, turns: readonly ChatTurn[]): void {
  let kept = turns.slice(-MAX_TURNS);
  while (kept.length > 0 && JSON.stringify(kept).length > MAX_CHARACTERS) kept = kept.slice(1);
  try {
    if (kept.length === 0) storage.removeItem(PLACE);
    else storage.setItem(PLACE, JSON.stringify(kept));
  } catch {
    // The tab has them still.
  }
}

export interface ChatBody {
  readonly model: string;
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[];
}

/** Composes the request with all earlier turns. Texts of a machine go to machines alone: a plain request leaves sealed turns out. */
export const composeBody = (turns: readonly ChatTurn[], model: string, question: string): ChatBody => ({
  model,
  messages: [
    ...turns
      .filter(
        (turn) =>
          turn.state === 'answered' && turn.isReplaced !== true && (isSealedModel(model) || !isSealedModel(turn.model)),
      )
      .flatMap((turn) => [
        { role: 'user' as const, content: turn.question },
        { role: 'assistant' as const, content: turn.answer },
      ]),
    { role: 'user' as const, content: question },
  ],
});

/** Marks a turn and all after it as replaced. */
export const replaceFrom = (turns: readonly ChatTurn[], id: number): readonly ChatTurn[] =>
  turns.map((turn) => (turn.id >= id ? { ...turn, isReplaced: true } : turn));

/** Fees as far as they are known, atomic units. */
export const sumFees = (turns: readonly ChatTurn[]): bigint =>
  turns.reduce((sum, { feeAtomic }) => sum + BigInt(feeAtomic ?? 0), 0n);
