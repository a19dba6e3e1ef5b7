import type { NetworkState } from '../data/store.ts';
import { PREVIEWS } from '../pictures/picture-events.ts';
import type { ChatBody, ChatTurn, PictureBody } from './conversation.ts';
import { type AnswerSoFar, streamAnswer, streamPicture } from './gateway.ts';
import { loadCheck } from './load-check.ts';
import { loadSealed } from './load-sealed.ts';
import { isSealedModel } from './sealed-model.ts';
import type { SealedReceipt } from './sealed-receipt.ts';

/** The gateway of a call, and the places for its answer. */
export interface AskContext {
  readonly baseUrl: string;
  readonly key: string;
  /** Policy for machines, JSON. */
  readonly policy: string | undefined;
  readonly network: NetworkState;
  readonly signal: AbortSignal;
  /** Shows a part of the answer as it comes. */
  show(part: Partial<ChatTurn>): void;
  /** Keeps the receipt of a sealed answer. */
  keep(receipt: SealedReceipt): void;
}

/** The receipt is checked against this body, so the gateway has to have nothing to add (docs/spec/request.md#unbroken-streams). */
const writeStreamed = (body: ChatBody): string =>
  JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true }, seed: drawSeed() });

const writePicture = (body: PictureBody): string =>
  JSON.stringify({ ...body, stream: true, partial_images: PREVIEWS, seed: drawSeed() });

const drawSeed = (): number | undefined => globalThis.crypto.getRandomValues(new Uint32Array(1))[0];

const toPart = ({ text, reasoning, pieces }: AnswerSoFar): Partial<ChatTurn> => ({ answer: text, reasoning, pieces });

/** @returns the answered turn. @throws GatewayRefusal, or Error with a reason for the user. */
export async function askInPlain(asked: ChatBody, context: AskContext): Promise<Partial<ChatTurn>> {
  const written = writeStreamed(asked);
  const hasPictures = asked.messages.some(({ content }) => typeof content !== 'string');
  // Orders and receipts name pictures by their hashes.
  const body = hasPictures ? (await loadCheck()).detachPictures(written) : written;
  const answer = await streamAnswer({ ...context, body: written }, (so) => context.show(toPart(so)));
  const { text, reasoning, receiptPath, tokens, finish } = answer;
  return {
    ...{ body, answer: text, reasoning },
    ...(receiptPath !== undefined && { receiptPath }),
    ...(tokens !== undefined && { tokens }),
    ...(finish !== undefined && { finish }),
  };
}

/** As `askInPlain`. */
export async function askPicture(asked: PictureBody, context: AskContext): Promise<Partial<ChatTurn>> {
  if (isSealedModel(asked.model))
    throw new Error('Nothing was sent: requests for pictures cannot be sealed, and this model takes no others.');
  const body = writePicture(asked);
  const made = await streamPicture({ ...context, body }, ({ progress, picture }) =>
    context.show({ ...(progress && { progress }), ...(picture && { picture }) }),
  );
  const { picture, units: tokens, receiptPath } = made;
  return { body, picture, tokens, ...(receiptPath !== undefined && { receiptPath }) };
}

/** As `askInPlain`, sealed to a machine that the policy accepts. */
export async function askMachine(body: ChatBody, context: AskContext): Promise<Partial<ChatTurn>> {
  const { policy } = context;
  if (policy === undefined)
    throw new Error('Nothing was sent: this model runs in attested machines. Give a policy of those that you accept.');
  const { askSealed } = await loadSealed();
  const answer = await askSealed({ ...context, body, policy }, (so) => context.show(toPart(so)));
  const { text, reasoning, tokens, finish, reply, checks } = answer;
  if (reply) context.keep(reply.receipt);
  return {
    ...{ answer: text, reasoning },
    ...(tokens !== undefined && { tokens }),
    ...(finish !== undefined && { finish }),
    ...(reply && { body: reply.body, receiptPath: reply.receiptPath }),
    ...(checks && { checks }),
  };
}
