import type { TextEngine, TextScoringRequest } from '@ogong/engine/interface/text';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { TIMED_WORK, writeTimedWork } from '@ogong/protocol/audit/timed-work';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { MIN_LISTED, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';

/** A text of a challenge, scored by another engine. */
interface KnownText {
  readonly request: TextScoringRequest;
  /** Windows that the other engine reported. */
  readonly windows: readonly WindowBytes[];
}

/** The texts of one challenge, which are asked for at once. */
export type KnownChallenge = readonly KnownText[];

/** Makes work as the beacon might write it, with the report of an engine other than the device under test. */
export async function makeKnownChallenge(referee: TextEngine, number: number): Promise<KnownChallenge> {
  const { vocabularySize, numericClass } = referee.info();
  const output = new Uint8Array(64);
  new DataView(output.buffer).setUint32(0, number);
  const texts = Array.from({ length: TIMED_WORK.parts }, async (_, part): Promise<KnownText> => {
    const drawn = { output, subject: new Uint8Array(64), arrival: 0 };
    const { prompt, outputTokens, sketchBankSeed } = writeTimedWork(nodeCrypto, { ...drawn, part, vocabularySize });
    const request: TextScoringRequest = {
      ...{ promptTokens: await referee.tokenizePrompt({ kind: 'text', text: prompt }), outputTokens },
      ...{ bias: [], sketch: { bankSeed: sketchBankSeed, directions: 16 }, numericClass },
      sampler: { ...PLAIN_SAMPLER, filterOrder: [] },
      listSizes: new Uint8Array(outputTokens.length).fill(MIN_LISTED),
      grammar: undefined,
    };
    return { request, windows: (await referee.score(request)).windows };
  });
  return Promise.all(texts);
}

/** Counts the tokens of prompts and replies, the unit of the work. */
export const countTokens = (challenge: KnownChallenge): number =>
  challenge.reduce((sum, { request }) => sum + request.promptTokens.length + request.outputTokens.length, 0);

/** Makes a device do the work through the path that audits take. @returns whether the answer is right. */
export async function answerChallenge(device: Pick<TextEngine, 'score'>, challenge: KnownChallenge): Promise<boolean> {
  const scored = await Promise.all(challenge.map(({ request }) => device.score(request)));
  return challenge.every(({ windows }, i) => isSame(scored[i]?.windows ?? [], windows));
}

const isSame = (a: readonly WindowBytes[], b: readonly WindowBytes[]): boolean =>
  a.length === b.length &&
  a.every(({ draws, sketch }, i) => {
    const other = b[i] as WindowBytes;
    return equalBytes(draws, other.draws) && equalBytes(sketch, other.sketch);
  });
