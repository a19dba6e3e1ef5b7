import type { TextEngine } from '@ogong/engine/interface/text';
import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { type GeneratedReply, generateReply, type ReplyBeacon } from '@ogong/provider/modality/text/generate-reply';
import { commitPictures } from '@ogong/provider/modality/text/read-pictures';
import type { Rounding } from '../trajectory/edited-folder.ts';

/** The parts that an attacker of questions about pictures has. */
export interface VisionMeans {
  /** The model that is sold, with its encoder. */
  readonly sold: TextEngine;
  /** Opens the model with a changed copy of its encoder, once for each rounding. */
  readonly open: (rounding: Rounding) => Promise<TextEngine>;
}

/** An order with a question about pictures, as an attacker sees it. */
export interface VisionOrder {
  readonly order: NamedOrder;
  readonly body: Uint8Array;
  readonly beacon: ReplyBeacon;
  readonly media: RequestMedia;
  /** Files of the pictures, in their order. */
  readonly files: readonly Uint8Array[];
  /** The same question without pictures. */
  readonly textBody: Uint8Array;
  /** A picture of an earlier order. */
  readonly earlierFile: Uint8Array;
}

/** A reply before it is committed. */
export type VisionAnswer = GeneratedReply['reply'];

/** One way to cheat with questions about pictures. */
export interface VisionAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** Id of the check that fails at the gateway, at a validator, or in an audit. The verifier has the provider's exact class of text. */
  readonly caughtBy: string;
  /** Pictures of the request. Default: 1. */
  readonly pictures?: 1 | 2;
  /** Answers the question, and says what it commits. */
  answer(means: VisionMeans, order: VisionOrder): Promise<VisionAnswer>;
  /** How it delivers the rows. Default: as committed. */
  readonly delivers?: 'nothing' | 'wrong-chunk' | undefined;
}

/** Answers with an engine as an honest provider does. */
export async function answerHonestly(
  engine: TextEngine,
  { order, body, beacon, media }: Pick<VisionOrder, 'order' | 'body' | 'beacon' | 'media'>,
): Promise<VisionAnswer> {
  const generated = await generateReply({ order, endpoint: 'chat', body, beacon, media }, { engine, crypto });
  if (generated === undefined) throw new Error('the engine ended without an answer');
  return generated.reply;
}

/** Replaces the rows that a reply commits. */
export const commitRows = (answer: VisionAnswer, pictures: readonly EncodedPicture[]): VisionAnswer => ({
  ...answer,
  shown: commitPictures(crypto, answer.blinds.answer, { pictures, rowSize: answer.info.embeddingSize }),
});

/** Answers with rows that the attacker computes from a picture. */
export const answerWith = (
  { sold }: VisionMeans,
  order: VisionOrder,
  encodePicture: TextEngine['encodePicture'],
): Promise<VisionAnswer> => answerHonestly({ ...sold, encodePicture }, order);
