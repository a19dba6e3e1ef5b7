import { Template } from '@huggingface/jinja';
import { EngineError } from '../../interface/engine-error.ts';
import type { ChatMessage } from '../../interface/text.ts';

/** For models without a template: plain lines, the form that base models have seen most. */
export const DEFAULT_TEMPLATE =
  "{%- for message in messages -%}{{- message.role + ': ' + message.content + '\\n' -}}{%- endfor -%}{{- 'assistant:' -}}";

/** A date would differ between the machine that answers and those that check it, so a template finds no clock. */
const HIDE_CLOCK = '{% set strftime_now = no_clock_here %}';

export interface ChatTemplate {
  /** @throws EngineError('invalid-request') where the template refuses the messages. */
  render(messages: readonly ChatMessage[]): string;
}

/** @throws EngineError('unsupported-model') where the template does not parse. */
export function createChatTemplate(
  source: string | undefined,
  tokens: { readonly bosToken: string; readonly eosToken: string },
): ChatTemplate {
  let template: Template;
  try {
    template = new Template(source ?? DEFAULT_TEMPLATE);
    // As a parsed statement: in the source it would change how white space at the beginning is trimmed.
    template.parsed.body.unshift(...new Template(HIDE_CLOCK).parsed.body);
  } catch (cause) {
    throw new EngineError(
      'unsupported-model',
      `the model's chat template does not parse: ${(cause as Error).message}`,
      { cause },
    );
  }
  return {
    render(messages) {
      try {
        return template.render({
          messages: messages.map(({ role, content }) => ({ role, content })),
          add_generation_prompt: true,
          bos_token: tokens.bosToken,
          eos_token: tokens.eosToken,
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
