import { isOverflow, wordOverflowForOpenAi } from '../../http/overflow-error.ts';
import { NAMED_FRAMING } from '../../openai/event-stream.ts';
import type { Json } from '../../openai/format.ts';
import type { AnswerDialect, EventWriter } from '../answer-dialect.ts';
import { type ResponsesAnswer, toResponse, toStatus } from './response-object.ts';
import { createResponseOutput } from './response-output.ts';

/** Responses of OpenAI's API. None is stored. */
export function createResponsesDialect(answer: ResponsesAnswer): AnswerDialect {
  return {
    framing: NAMED_FRAMING,
    body({ parts: { content, reasoning, calls }, logprobs, ...finish }, usage) {
      const output = createResponseOutput(answer);
      if (reasoning !== '') output.write({ kind: 'reasoning', text: reasoning });
      if (content !== '' || calls.length === 0) output.write({ kind: 'content', text: content }, logprobs);
      for (const [call, { name, arguments: given }] of calls.entries()) {
        output.write({ kind: 'call', call, name });
        output.write({ kind: 'arguments', call, text: given });
      }
      output.end(toStatus(finish));
      return toResponse(answer, { status: toStatus(finish), output: output.items(), usage });
    },
    createWriter: () => createWriter(answer),
  };
}

function createWriter(answer: ResponsesAnswer): EventWriter {
  const output = createResponseOutput(answer);
  let count = 0;
  const number = (events: readonly Json[]): Json[] => events.map((event) => ({ ...event, sequence_number: count++ }));
  const tell = (type: string, response: Json): Json => ({ type: `response.${type}`, response });
  return {
    open() {
      const response = toResponse(answer, { status: 'in_progress', output: [] });
      return number([tell('created', response), tell('in_progress', response)]);
    },
    write: ({ pieces, logprobs = [] }) =>
      number(
        pieces
          .flatMap((piece, i) => output.write(piece, i === 0 ? logprobs : []))
          .concat(
            // Tokens without text so far go with the next text.
            pieces.length === 0 ? output.hold(logprobs) : [],
          ),
      ),
    end(finish, usage, extra) {
      const status = toStatus(finish);
      const events = output.end(status);
      const response = { ...toResponse(answer, { status, output: output.items(), usage }), ...extra };
      return number([...events, tell(status, response)]);
    },
    fail(failure) {
      const { param, publicCode, code } = failure;
      const isTooLong = isOverflow(failure);
      const message = isTooLong ? wordOverflowForOpenAi(failure, 'input') : failure.message;
      const error = { code: isTooLong ? publicCode : 'server_error', message };
      const response = toResponse(answer, { status: 'failed', output: output.items(), error });
      return number([{ type: 'error', code: publicCode ?? code, message, param }, tell('failed', response)]);
    },
  };
}
