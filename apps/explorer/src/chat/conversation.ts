import type { Check } from '@ogong/protocol/base/checks';
import type { DrawnPicture } from '../pictures/drawn-picture.ts';
import { type KeepFacts, type RecallFacts, writeRecalled } from './memory/turn-memory.ts';
import { isSealedModel } from './sealed-model.ts';

/** A question, its answer, and the page's findings about it. */
export interface ChatTurn {
  readonly id: number;
  readonly model: string;
  readonly question: string;
  /** Data URLs of the pictures that the question is about. The history keeps their number alone. */
  readonly pictures?: readonly string[];
  /** How many pictures the question had, in a history that does not keep them. */
  readonly lostPictures?: number;
  readonly answer: string;
  /** Set if the answer is a picture, and the question its prompt. */
  readonly isPicture?: boolean;
  /** The picture, or a preview of it. The history does not keep it: the receipt has the signed one. */
  readonly picture?: DrawnPicture;
  /** Hash of the first picture that the page checked, hex. */
  readonly pictureHash?: string;
  /** Computed steps of a picture that is not finished. */
  readonly progress?: { readonly step: number; readonly steps: number };
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
  /** Set if the memories were searched for the question. */
  readonly recalled?: RecallFacts;
  /** Set once the turn was sent to be remembered. */
  readonly kept?: KeepFacts;
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

/** Pictures are too large for the history of a browser. */
function withoutPictures({ pictures, picture: _, progress: __, ...turn }: ChatTurn): ChatTurn {
  const lostPictures = pictures?.length ?? turn.lostPictures ?? 0;
  return { ...turn, ...(lostPictures > 0 && { lostPictures }) };
}

/** The newest that fit; a browser without room keeps none. */
export function saveTurns(storage: Storage, turns: readonly ChatTurn[]): void {
  let kept = turns.slice(-MAX_TURNS).map(withoutPictures);
  while (kept.length > 0 && JSON.stringify(kept).length > MAX_CHARACTERS) kept = kept.slice(1);
  try {
    if (kept.length === 0) storage.removeItem(PLACE);
    else storage.setItem(PLACE, JSON.stringify(kept));
  } catch {
    // The tab has them still.
  }
}

type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

export interface ChatBody {
  readonly model: string;
  readonly messages: readonly {
    readonly role: 'system' | 'user' | 'assistant';
    readonly content: string | readonly ContentPart[];
  }[];
}

/** A request for one picture. */
export interface PictureBody {
  readonly model: string;
  readonly prompt: string;
}

/** A question as the page sends it. */
export interface AskedQuestion {
  readonly text: string;
  /** Data URLs. */
  readonly pictures: readonly string[];
}

/** Pictures come before the text about them. */
function toContent({ text, pictures }: AskedQuestion): string | readonly ContentPart[] {
  if (pictures.length === 0) return text;
  const shown = pictures.map((url) => ({ type: 'image_url' as const, image_url: { url } }));
  return text === '' ? shown : [...shown, { type: 'text', text }];
}

/**
 * Composes the request with all earlier turns. Texts of a machine go to machines alone: a plain request leaves sealed turns out.
 * @param recalled marked texts of memories.
 */
export const composeBody = (
  turns: readonly ChatTurn[],
  model: string,
  question: AskedQuestion,
  recalled: readonly string[] = [],
): ChatBody => ({
  model,
  messages: [
    ...(recalled.length > 0 ? [{ role: 'system' as const, content: writeRecalled(recalled) }] : []),
    ...turns
      .filter(
        (turn) =>
          turn.state === 'answered' &&
          turn.isReplaced !== true &&
          turn.isPicture !== true &&
          (isSealedModel(model) || !isSealedModel(turn.model)),
      )
      .flatMap((turn) => [
        { role: 'user' as const, content: toContent({ text: turn.question, pictures: turn.pictures ?? [] }) },
        { role: 'assistant' as const, content: turn.answer },
      ]),
    { role: 'user' as const, content: toContent(question) },
  ],
});

/** Marks a turn and all after it as replaced. */
export const replaceFrom = (turns: readonly ChatTurn[], id: number): readonly ChatTurn[] =>
  turns.map((turn) => (turn.id >= id ? { ...turn, isReplaced: true } : turn));

/** Fees as far as they are known, atomic units. */
export const sumFees = (turns: readonly ChatTurn[]): bigint =>
  turns.reduce((sum, { feeAtomic }) => sum + BigInt(feeAtomic ?? 0), 0n);
