import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { ApiContext } from '../http/api-app.ts';
import { showIgnored } from '../openai/answer-headers.ts';
import { serveAll, sumUsage } from '../openai/completion.ts';
import { streamEvents } from '../openai/event-stream.ts';
import type { Json } from '../openai/format.ts';
import { type ChoiceEnd, type ChoicePart, readChoice, readWhole } from '../openai/read-choice.ts';
import type { AnswerDialect } from './answer-dialect.ts';

/** A request of another API than OpenAI's completions, and its answer: one choice. */
export interface DialectAnswer<End extends ChoiceEnd> {
  readonly dialect: AnswerDialect;
  /** The request, in the terms of a chat. */
  readonly request: Pick<InferenceRequest, 'stream' | 'logprobs' | 'terms' | 'dropped'>;
  readonly serve: (choice: number, signal: AbortSignal) => AsyncGenerator<ChoicePart, End>;
  /** Extra fields of the body, or of the last event. */
  readonly toExtra?: (ends: readonly End[]) => Json;
  readonly headers?: Readonly<Record<string, string>>;
  readonly heartbeatMs: number;
  /** Called once no choice runs any more. */
  readonly onEnd?: () => void;
}

const ONE = { choices: 1 };

/** Answers with a body or a stream, as the request asks. @throws errors of the choice before anything is sent. */
export function answerInDialect<End extends ChoiceEnd>(
  context: ApiContext,
  answer: DialectAnswer<End>,
): Promise<Response> {
  showIgnored(context, answer.request.dropped);
  return answer.request.stream ? streamAnswer(context, answer) : sendAnswer(context, answer);
}

async function sendAnswer<End extends ChoiceEnd>(context: ApiContext, answer: DialectAnswer<End>): Promise<Response> {
  const { dialect, request, toExtra, headers } = answer;
  const ends = await serveAll(context, { ...answer, request: ONE }, async (choice) => {
    for (;;) {
      const next = await choice.next();
      if (next.done) return next.value;
    }
  });
  const end = ends[0] as End;
  const { tokens, stopReason } = end;
  const parts = readWhole(end, request.terms);
  const whole = { parts, stopReason, hasCalls: parts.calls.length > 0, ...(request.logprobs && { logprobs: tokens }) };
  const usage = sumUsage(ends, { request: ONE });
  return context.json({ ...dialect.body(whole, usage), ...toExtra?.(ends) }, 200, headers);
}

function streamAnswer<End extends ChoiceEnd>(context: ApiContext, answer: DialectAnswer<End>): Promise<Response> {
  const { dialect, request, toExtra, heartbeatMs, headers = {} } = answer;
  const writer = dialect.createWriter();
  return streamEvents(
    context,
    async (sendEvent) => {
      const send = async (events: readonly Json[]): Promise<void> => {
        for (const event of events) await sendEvent(event);
      };
      let hasCalls = false;
      const ends = await serveAll(context, { ...answer, request: ONE }, async (choice) => {
        let isOpen = false;
        const open = async (promptTokens: number): Promise<void> => {
          if (!isOpen) await send(writer.open({ promptTokens }));
          isOpen = true;
        };
        const end = await readChoice(choice, request.terms, async ({ pieces, tokens, promptTokens = 0 }) => {
          await open(promptTokens);
          hasCalls ||= pieces.some(({ kind }) => kind === 'call');
          await send(writer.write({ pieces, ...(request.logprobs && { logprobs: tokens }) }));
        });
        await open(end.promptTokens);
        return end;
      });
      const { stopReason } = ends[0] as End;
      const usage = sumUsage(ends, { request: ONE });
      await send(writer.end({ stopReason, hasCalls }, usage, toExtra?.(ends) ?? {}));
    },
    {
      headers,
      heartbeatMs,
      framing: dialect.framing,
      toFailure: (error) => writer.fail(context.get('explain')(error)),
    },
  );
}
