import { type AnswerFormat, DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { NO_WISH, type ThinkingWish } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import type { WrittenTool } from '@ogong/protocol/modality/text/request/tools';
import { EngineError } from '../../interface/engine-error.ts';
import type { TemplateThinking } from '../../interface/text.ts';
import { findFamilyText, toCallTurns, toPlainTurns } from './family-text.ts';
import { formatDay } from './format-day.ts';
import type { LiteralText } from './literal-text.ts';
import { COMMON_FORM, type Writing } from './reasoning-form.ts';
import { createTemplate, PROBE_STEPS, RENDER_STEPS, type Template } from './template/template.ts';
import { readTemplateFacts, type TemplateFacts } from './template-facts.ts';
import { toVariables, writeFields, writeNativeFields, writeOwnFields } from './template-fields.ts';
import { moveToolPictures } from './tool-pictures.ts';
import { writeTools } from './tool-text.ts';

/** For models without a template: plain lines, the form that base models have seen most. */
export const DEFAULT_TEMPLATE =
  "{%- for message in messages -%}{{- message.role + ': ' + message.content + '\\n' -}}{%- endfor -%}{{- 'assistant:' -}}";

/** Input of a template. */
export interface TemplateInput {
  readonly messages: readonly ChatMessage[];
  /** Whether calls stand between the marks of the family `hermes` in any case. Default: no. */
  readonly marksCalls?: boolean;
  /** Default: none. */
  readonly tools?: readonly WrittenTool[];
  /** Default: nothing is said. */
  readonly thinking?: ThinkingWish;
  /** Days since 1970-01-01 UTC; without one the template finds no clock. */
  readonly day?: number;
}

export interface ChatTemplate {
  /** How answers are read. */
  readonly answerFormat: AnswerFormat;
  /** Undefined if there is no template. */
  readonly thinking: TemplateThinking | undefined;
  /**
   * Renders the words of messages and tools quoted (literal-text.ts). Messages that the template refuses are joined to plain turns;
   * if it refuses those too, the text of the model's family stands in its place.
   * @throws EngineError('invalid-request') if even that takes too much work.
   */
  render(input: TemplateInput): string;
  /** Whether the model's own template writes these messages as they are. */
  accepts(input: TemplateInput): boolean;
}

export function createChatTemplate(
  source: string | undefined,
  {
    bosToken,
    eosToken,
    literal,
    pictureMark = '',
  }: {
    readonly bosToken: string;
    readonly eosToken: string;
    readonly literal: Pick<LiteralText, 'quote' | 'quoteAll'>;
    /** The text of the token that stands for a picture. Default: none. */
    readonly pictureMark?: string | undefined;
  },
): ChatTemplate {
  const fillWithin = openTemplate(source ?? DEFAULT_TEMPLATE, { bosToken, eosToken });
  const [fill, probe] = [fillWithin(RENDER_STEPS), fillWithin(PROBE_STEPS)];
  const {
    format,
    thinking,
    wantsParts,
    native: nativeForm,
    own: ownForm,
  } = source === undefined ? NO_TEMPLATE : readTemplateFacts(source, (fields) => tryFill(probe, fields));
  const writing: Writing = {
    ...{ quote: literal.quote, quoteAll: literal.quoteAll },
    writeContent({ content, parts }) {
      if (parts === undefined && !wantsParts) return literal.quote(content);
      return (parts ?? [{ text: content }]).map((part) =>
        'picture' in part ? { type: 'image' } : { type: 'text', text: literal.quote(part.text) },
      );
    },
  };
  const familyText = openTemplate(findFamilyText(source ?? '') ?? DEFAULT_TEMPLATE, { bosToken, eosToken });
  const fillFamily = (messages: readonly ChatMessage[], day: number | undefined): string => {
    const joined = messages.map((message) => ({
      ...{ role: message.role, content: joinContent(writing.writeContent(message), pictureMark) },
    }));
    return familyText(RENDER_STEPS)({ messages: joined }, day);
  };
  const isHermes = format.calls === DEFAULT_FORMAT.calls;
  /** @returns an empty text if the template refuses, or if calls have to be written otherwise. */
  function renderNative({ messages, tools = [], marksCalls = false, thinking: wish = NO_WISH, day }: TemplateInput) {
    if (source === undefined || nativeForm === undefined || (marksCalls && !isHermes)) return '';
    const fields = writeNativeFields({ messages, tools }, { format, form: nativeForm, source }, writing);
    return tryFill(fill, { ...fields, ...toVariables(wish) }, { day });
  }
  const renderOwn = ({ messages, tools = [], thinking: wish = NO_WISH, day }: TemplateInput): string =>
    tryFill(fill, { ...writeOwnFields({ messages, tools }, ownForm, writing), ...toVariables(wish) }, { day });
  /** Some templates take only tools of the forms that their makers tried. The protocol's text has the calls of `hermes`. */
  const renderWhole = (input: TemplateInput): string =>
    renderNative(input) || (nativeForm === undefined || isHermes || input.marksCalls ? renderOwn(input) : '');
  return {
    answerFormat: format,
    thinking,
    accepts: ({ messages, ...others }) => renderWhole({ messages: moveToolPictures(messages), ...others }) !== '',
    render({ messages: given, ...others }) {
      const messages = moveToolPictures(given);
      const input = { messages, ...others };
      const { tools = [], thinking: wish = NO_WISH, day } = others;
      const written = writeTools(messages, tools, { ...ownForm, answersAs: 'user' });
      const joined = () => writeFields(toPlainTurns(written), ownForm, writing);
      try {
        return (
          renderWhole(input) ||
          renderNative({ ...input, messages: toCallTurns(messages) }) ||
          renderOwn(input) ||
          tryFill(fill, { ...joined(), ...toVariables(wish) }, { day }) ||
          fillFamily(written, day)
        );
      } catch (cause) {
        throw new EngineError('invalid-request', `these messages make no prompt: ${(cause as Error).message}`, {
          cause,
        });
      }
    },
  };
}

/** The content as one text, with the mark of each picture in its place. */
const joinContent = (content: unknown, pictureMark: string): string =>
  typeof content === 'string'
    ? content
    : (content as readonly { readonly text?: string }[]).map(({ text }) => text ?? pictureMark).join('');

type FillTemplate = (fields: object, day: number | undefined) => string;

/** Opens a template. One that does not parse refuses all fields. */
function openTemplate(
  source: string,
  { bosToken, eosToken }: { readonly bosToken: string; readonly eosToken: string },
): (maxSteps: number) => FillTemplate {
  let template: Template;
  try {
    template = createTemplate(source);
  } catch (error) {
    return () => () => {
      throw error;
    };
  }
  // Those that call templates elsewhere give None for what a chat does not have.
  const common = { add_generation_prompt: true, bos_token: bosToken, eos_token: eosToken, documents: null };
  return (maxSteps) => (fields, day) => {
    // The machine's clock would differ between those that answer and those that check.
    const clock = day !== undefined && { strftime_now: (format: unknown) => formatDay(day, String(format)) };
    return template.render({ tools: null, ...fields, ...common, ...clock }, maxSteps);
  };
}

/** @returns an empty text if the template refuses. */
function tryFill(
  fill: FillTemplate,
  fields: object,
  { day }: { readonly day?: number | undefined } = { day: 0 },
): string {
  try {
    return fill(fields, day);
  } catch {
    return '';
  }
}

/** How answers of a model with this template are read. */
export function readTemplateFormat(source: string): AnswerFormat {
  const probe = openTemplate(source, { bosToken: '', eosToken: '' })(PROBE_STEPS);
  return readTemplateFacts(source, (fields) => tryFill(probe, fields)).format;
}

const NO_TEMPLATE: Omit<TemplateFacts, 'thinking'> & { readonly thinking: undefined } = {
  ...{ format: DEFAULT_FORMAT, thinking: undefined, wantsParts: false, native: undefined },
  own: { reasoning: COMMON_FORM, answersAs: 'user', takesSystem: true },
};
