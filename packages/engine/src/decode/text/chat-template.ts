import { Template } from '@huggingface/jinja';
import { EngineError } from '../../interface/engine-error.ts';
import type { ChatMessage } from '../../interface/text.ts';
import { formatDay } from './format-day.ts';
import type { LiteralText } from './literal-text.ts';

/** For models without a template: plain lines, the form that base models have seen most. */
export const DEFAULT_TEMPLATE =
  "{%- for message in messages -%}{{- message.role + ': ' + message.content + '\\n' -}}{%- endfor -%}{{- 'assistant:' -}}";

/** The machine's clock would differ between those that answer and those that check, so a template reads the day that it is given. */
const REPLACE_CLOCK = '{% set strftime_now = given_day %}';

export interface ChatTemplate {
  /**
   * @param day days since 1970-01-01 UTC; without one the template finds no clock.
   * @returns the prompt, with what the messages say quoted (literal-text.ts).
   * @throws EngineError('invalid-request') where the template refuses the messages.
   */
  render(messages: readonly ChatMessage[], day?: number): string;
}

/** @throws EngineError('unsupported-model') where the template does not parse. */
export function createChatTemplate(
  source: string | undefined,
  {
    bosToken,
    eosToken,
    literal,
  }: { readonly bosToken: string; readonly eosToken: string; readonly literal: Pick<LiteralText, 'quote'> },
): ChatTemplate {
  let template: Template;
  try {
    template = new Template(source ?? DEFAULT_TEMPLATE);
    // As a parsed statement: in the source it would change how white space at the beginning is trimmed.
    template.parsed.body.unshift(...new Template(REPLACE_CLOCK).parsed.body);
  } catch (cause) {
    throw new EngineError(
      'unsupported-model',
      `the model's chat template does not parse: ${(cause as Error).message}`,
      { cause },
    );
  }
  return {
    render(messages, day) {
      try {
        return template.render({
          messages: messages.map(({ role, content }) => ({ role, content: literal.quote(content) })),
          add_generation_prompt: true,
          bos_token: bosToken,
          eos_token: eosToken,
          ...(day !== undefined && { given_day: (format: unknown) => formatDay(day, String(format)) }),
        });
      } catch (cause) {
        throw new EngineError(
          'invalid-request',
          `the model's chat template refuses these messages: ${(cause as Error).message}`,
          { cause },
        );
      }
    },
  };
}
