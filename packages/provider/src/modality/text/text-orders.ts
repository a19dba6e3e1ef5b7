import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import { MAX_ROWS_BYTES } from '@ogong/protocol/exchange/limits';
import { computeOrderDay } from '@ogong/protocol/exchange/order';
import { formatOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { assertTierShows } from '@ogong/protocol/modality/text/request/tier-rules';
import { computeFullFee } from '../full-fee.ts';
import type { OfferedEngine, OrderHandling } from '../modality.ts';
import type { CheckedOrder } from '../order-job.ts';
import {
  assertFitsModel,
  assertReadsPictures,
  type ModelRequest,
  parseEndpointName,
  parseModelRequest,
} from './model-request.ts';
import { readPictures } from './read-pictures.ts';
import { serveChained } from './serve-chained.ts';
import { type OrderJob, serveReply } from './serve-text.ts';

export const textOrders: OrderHandling<TextEngine, ModelRequest, OrderJob> = {
  readRequest(body, endpoint, order) {
    const request = parseModelRequest(body, parseEndpointName(endpoint), computeOrderDay(order));
    assertTierShows(request.asked);
    return { request, asked: request.asked, choices: request.asked.choices };
  },
  allowsStandby: true,
  // Each check but this one needs the prompt's tokens, and so the model.
  assertServable: ({ asked }, { info }) => assertReadsPictures(asked, info),
  async accept(offer, checked, { message, claim }) {
    // The engine counts its prompt while the claim goes to the disk and the consent is signed.
    const reading = readPrompt(offer, checked);
    reading.catch(() => undefined);
    const accepted = await claim();
    const { promptTokens, pictures } = await reading;
    assertFeeCovers(checked, { promptTokens: promptTokens.length, contextSize: offer.info.contextSize });
    return {
      ...accepted,
      endpoint: parseEndpointName(accepted.endpoint),
      promptTokens,
      pictures,
      // No validator takes a milestone of a request with media.
      wantsMilestones: message.milestones && checked.media.size === 0 && offer.chain === undefined,
    };
  },
  serve: (job, context, { engine, chain }) =>
    chain ? serveChained(job, chain, { ...context, engine }) : serveReply(job, { ...context, engine }),
};

async function readPrompt(
  { engine, info }: OfferedEngine<TextEngine>,
  { request, media }: Pick<CheckedOrder<ModelRequest>, 'request' | 'media'>,
): Promise<Pick<OrderJob, 'promptTokens' | 'pictures'>> {
  assertFitsModel(request, info);
  if (!info.capabilities.tokenize) return { promptTokens: new Uint32Array(), pictures: [] };
  const { prompt, pictures } = await readPictures(engine, request, { media, assertRows });
  const tokens = await engine.tokenizePrompt(prompt);
  if (tokens.length >= info.contextSize) {
    const overflow = { promptTokens: tokens.length, contextSize: info.contextSize };
    throw new Refusal('invalid', formatOverflow(overflow));
  }
  return { promptTokens: tokens, pictures };
}

/** @throws Refusal */
function assertRows(bytes: number): void {
  if (bytes <= MAX_ROWS_BYTES) return;
  throw new Refusal(
    'unsupported',
    `these pictures make ${bytes} bytes of rows or more, and at most ${MAX_ROWS_BYTES} are checked`,
  );
}

function assertFeeCovers(
  { order, request }: CheckedOrder<ModelRequest>,
  { promptTokens, contextSize }: { readonly promptTokens: number; readonly contextSize: number },
): void {
  const outputTokenCount = Math.min(request.asked.maxTokens, contextSize - promptTokens);
  computeFullFee(order, boundTextTokens(request.asked), { promptTokenCount: promptTokens, outputTokenCount });
}
