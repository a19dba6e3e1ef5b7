import type { ApiContext } from '@ogong/host/http/api-app';
import type { readJsonBody } from '@ogong/host/http/body';
import { readFormBody } from '@ogong/host/http/form-body';
import { encodePng } from '@ogong/host/media/png';
import { parseTraceParent } from '@ogong/host/metrics/trace-context';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { serveAll } from '@ogong/host/openai/completion';
import { NAMED_FRAMING, streamEvents } from '@ogong/host/openai/event-stream';
import { toOpenAiError } from '@ogong/host/openai/openai-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { LONGEST_EXPECTED_MS } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { RECEIPT_HEADER, STEPS_HEADER } from '@ogong/protocol/http/routes';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { PICTURE_FORM_FIELDS } from '@ogong/protocol/modality/trajectory/fields';
import { parseTrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { planLinks } from '@ogong/protocol/modality/trajectory/orders/chain';
import { splitPictures } from '@ogong/protocol/modality/trajectory/orders/split-pictures';
import {
  formatPictureEvent,
  formatPictures,
  type ShownPicture,
} from '@ogong/protocol/modality/trajectory/picture-formats';
import { MAX_STEPS_ASKED, type PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import {
  type PictureRequest,
  parsePictureRequest,
  type TrajectoryEndpoint,
} from '@ogong/protocol/modality/trajectory/request';
import { createStepFormatter } from '@ogong/protocol/modality/trajectory/step-events';
import { answersLatent } from '@ogong/protocol/modality/trajectory/step-range';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { getTier } from '@ogong/protocol/tier/registry';
import { receiptPath } from '../books/receipt-store.ts';
import type { Delta } from '../buy/provider-call.ts';
import type { AnswerForm, BoughtAnswer } from '../buy/reply.ts';
import { type ReadBody, readUnderPolicy } from '../buy/settle-policy.ts';
import { fillCall, readCallBody } from './call-media.ts';
import { assertModel, type CompletionsDependencies, readProvider } from './completions.ts';
import { isInline, toOgongField } from './ogong-field.ts';
import { buyChain, type OrderedRequest } from './picture-chain.ts';
import type { KeyedHandler } from './sign-in.ts';

/** A picture, as it was signed. */
interface BoughtPicture extends BoughtAnswer {
  /** RGB8, row by row. */
  readonly pixels: Uint8Array;
  readonly size: PictureSize;
  /** The reply is a link that ends before the last step: then its bytes are a latent. */
  readonly isLatent: boolean;
  /** Replies of the links before this one, if the picture was bought as a chain. */
  readonly earlier?: readonly BoughtPicture[];
}

/** Lists the replies that a picture was bought by, in their order. */
const listReplies = (picture: BoughtPicture): readonly BoughtPicture[] => [...(picture.earlier ?? []), picture];

/** OpenAI's pictures. Each is a reply of its own, with a receipt of its own. */
export function createPictureHandler(
  endpoint: TrajectoryEndpoint,
  dependencies: CompletionsDependencies,
): KeyedHandler {
  const { limits, rates, contexts, replies, clock, randomBytes, settle, names, heartbeatMs } = dependencies;
  const { longestOrderMs: longestMs = LONGEST_EXPECTED_MS } = dependencies;
  return async (context: ApiContext, key) => {
    const call = await limits.begin(context, key);
    try {
      const isChecked = isInline(context);
      const given = await readCallBody(context, call, dependencies, readPictureForm);
      const parse = (bytes: Uint8Array) => parsePictureRequest(bytes, endpoint);
      const asked = splitPictures(await names.resolve(given.body, key, isChecked)).map((body) =>
        readUnderPolicy({ body, isChecked }, settle, parse),
      );
      const { request } = asked[0] as ReadBody<PictureRequest>;
      assertModel(request.model, key);
      await contexts.assertServes(request);
      showIgnored(context, request.dropped);
      const provider = readProvider(context);
      const caller = parseTraceParent(context.req.header('traceparent'));
      const counted = asked.map((part) => ({ request: part.request, count: part.request.choices }));
      const choices = counted.reduce((sum, { count }) => sum + count, 0);
      const payer = await call.charge(() => counted);
      const metered = await rates.meter(context, payer, replies, counted);
      const open = { given, key: payer, call, orders: asked, read: parse };
      const { media, orders: parts } = await fillCall(context, open, dependencies);
      const completionId = `${ENDPOINT_INFO[endpoint].idPrefix}-${toHex(randomBytes(18))}`;
      const terms = await call.register(completionId);
      const { settlementType } = terms;
      const created = Math.floor(clock.nowMs() / 1000);
      const namesSteps = context.req.header(STEPS_HEADER) !== undefined;
      const headers = { [RECEIPT_HEADER]: receiptPath(completionId) };
      const areHidden = getTier(parseModelId(request.model).tier).windows === 'tokens';
      const form = {
        ...PICTURE_FORM,
        steps: {
          previews: request.stream ? request.partialPictures : 0,
          mostSteps: MAX_STEPS_ASKED,
          areHidden,
        },
      };
      // A server without steps has no latent to begin a link with.
      const expectedMs = trajectory.expectMs(request, Number.POSITIVE_INFINITY);
      const links = areHidden ? undefined : planLinks(request, { expectedMs, longestMs });
      const serve = (at: number, signal: AbortSignal) => {
        // All parts but the last one are for as many pictures.
        const { body, request: own } = parts[Math.floor(at / request.choices)] as ReadBody<PictureRequest>;
        const choice = at % request.choices;
        const buy = (ordered: OrderedRequest, index: number) =>
          metered.serve<PictureRequest, BoughtPicture>({
            ...{ completionId, choice, index, endpoint: request.endpoint, ...ordered, form },
            ...{ key: payer, signal, provider, caller, settlementType },
          });
        if (links === undefined) return buy({ body, media, request: own }, at);
        return joinChain(buyChain(links, { body, request: own }, (link, k) => buy(link, at * links.length + k)));
      };
      const served = { request: { choices }, serve, onEnd: call.leave };
      if (!request.stream) {
        const bought = await serveAll(context, served, (choice) => readReply(choice));
        const pictures = await Promise.all(bought.map(showPicture));
        const ogong = toOgongField(context, bought.flatMap(listReplies), terms);
        return context.json({ ...formatPictures(request, { created, pictures }), ogong }, 200, headers);
      }
      return await streamEvents(
        context,
        async (send) => {
          await serveAll(context, served, async (choice, index) => {
            const showStep = createStepFormatter(request, { created, choice: index, namesSteps, encodePng });
            const reply = await readReply(choice, async ({ step }) => {
              for (const event of step === undefined ? [] : await showStep(step)) await send(event);
            });
            const event = formatPictureEvent(request, { created, picture: await showPicture(reply) });
            await send({ ...event, ogong: toOgongField(context, listReplies(reply), terms) });
            return reply;
          });
        },
        {
          ...{ headers, heartbeatMs, framing: NAMED_FRAMING },
          toFailure: (error) => ({ type: 'error', ...toOpenAiError(context.get('explain')(error), context) }),
        },
      );
    } catch (error) {
      call.leave();
      throw await names.explain(error, key);
    }
  };
}

const readPictureForm: typeof readJsonBody = (context, limits) => readFormBody(context, limits, PICTURE_FORM_FIELDS);

async function readReply<R>(
  stream: AsyncGenerator<Delta, R>,
  onPart: (part: Delta) => Promise<void> = async () => {},
): Promise<R> {
  for (;;) {
    const next = await stream.next();
    if (next.done) return next.value;
    await onPart(next.value);
  }
}

/** Returns the last reply of a chain, which has the picture, with those before it. */
async function* joinChain(
  chain: AsyncGenerator<Delta, readonly BoughtPicture[]>,
): AsyncGenerator<Delta, BoughtPicture> {
  const replies = yield* chain;
  return { ...(replies.at(-1) as BoughtPicture), earlier: replies.slice(0, -1) };
}

async function showPicture(picture: BoughtPicture): Promise<ShownPicture> {
  const { size, pixels, isLatent } = picture;
  const units = listReplies(picture).reduce((sum, { outputTokens }) => sum + outputTokens, 0);
  if (isLatent) return { size, units, latent: pixels };
  return { size, units, png: await encodePng({ ...size, pixels }) };
}

/** The pixels arrive whole with the record. Stage 1 has checked by then that the record signs them, and their size. */
export const PICTURE_FORM: AnswerForm<BoughtPicture> = {
  streams: false,
  hasFixedDraws: false,
  maxTokens: 0,
  topLogprobs: undefined,
  toResponse: ({ finished }) => finished.response,
  read(checked, { finished: { response: pixels } }, { header }) {
    const { choices, range } = parseTrajectoryHeader(header);
    const { width, height, steps } = choices;
    return { reply: { ...checked, pixels, size: { width, height }, isLatent: answersLatent(steps, range) } };
  },
};
