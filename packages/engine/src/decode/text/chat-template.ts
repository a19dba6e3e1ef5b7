import {
  type AnswerFormat,
  DEFAULT_FORMAT,
  detectAnswerFormat,
  type TemplateFormat,
} from '@ogong/protocol/modality/text/answer/answer-format';
import { NO_WISH, type ThinkingWish } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import { type ChatMessage, readArguments } from '@ogong/protocol/modality/text/request/chat-messages';
import type { WrittenTool } from '@ogong/protocol/modality/text/request/tools';
import { EngineError } from '../../interface/engine-error.ts';
import type { TemplateThinking } from '../../interface/text.ts';
import { findFamilyText, toPlainTurns } from './family-text.ts';
import { formatDay } from './format-day.ts';
import type { LiteralText } from './literal-text.ts';
import { writePythonCalls } from './python-calls.ts';
import { createTemplate, PROBE_STEPS, RENDER_STEPS, type Template } from './template/template.ts';
import { moveToolPictures } from './tool-pictures.ts';
import { writeTools } from './tool-text.ts';

/** For models without a template: plain lines, the form that base models have seen most. */
export const DEFAULT_TEMPLATE =
  "{%- for message in messages -%}{{- message.role + ': ' + message.content + '\\n' -}}{%- endfor -%}{{- 'assistant:' -}}";

type Quoting = Pick<LiteralText, 'quote' | 'quoteAll'>;

/** Writes the content of a message as its template reads it: a text, or a list of parts. */
export type WriteContent = (message: Pick<ChatMessage, 'content' | 'parts'>) => unknown;

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
    readonly literal: Quoting;
    /** The text of the token that stands for a picture. Default: none. */
    readonly pictureMark?: string | undefined;
  },
): ChatTemplate {
  const fillWithin = openTemplate(source ?? DEFAULT_TEMPLATE, { bosToken, eosToken });
  const [fill, probe] = [fillWithin(RENDER_STEPS), fillWithin(PROBE_STEPS)];
  const { format, hasOwnTools } = source === undefined ? NO_TEMPLATE : readFormat(source, probe);
  const thinking = source === undefined ? undefined : readThinking(source, probe);
  const isRead = (written: object) => tryFill(probe, { messages: [written] }).includes(INSTRUCTION);
  const wantsParts =
    !isRead({ role: 'user', content: INSTRUCTION }) &&
    isRead({ role: 'user', content: [{ type: 'text', text: INSTRUCTION }] });
  const writeContent: WriteContent = ({ content, parts }) => {
    if (parts === undefined && !wantsParts) return literal.quote(content);
    return (parts ?? [{ text: content }]).map((part) =>
      'picture' in part ? { type: 'image' } : { type: 'text', text: literal.quote(part.text) },
    );
  };
  const takesSystem = tryFill(probe, {
    messages: INSTRUCTED.map((message) => ({ ...message, content: writeContent(message) })),
  }).includes(INSTRUCTION);

  function toNativeFields(messages: readonly ChatMessage[], tools: readonly WrittenTool[]): object {
    const listed = tools.length > 0 && { tools: tools.map((tool) => toTemplateTool(tool, literal)) };
    const written =
      format.calls === 'pythonic'
        ? writePythonCalls(messages, { ...literal, writeContent }, source)
        : toTemplateMessages(messages, format, { ...literal, writeContent });
    return { messages: written, ...listed };
  }
  const toFields = (written: readonly ChatMessage[]) => ({
    messages: written.map((message) => ({ role: message.role, content: writeContent(message) })),
  });
  const toOwnFields = (messages: readonly ChatMessage[], tools: readonly WrittenTool[]) =>
    toFields(writeTools(messages, tools, { takesSystem }));
  const familyText = openTemplate(findFamilyText(source ?? '') ?? DEFAULT_TEMPLATE, { bosToken, eosToken });
  const fillFamily = ({ messages }: ReturnType<typeof toFields>, day: number | undefined): string => {
    const joined = messages.map(({ role, content }) => ({ role, content: joinContent(content, pictureMark) }));
    return familyText(RENDER_STEPS)({ messages: joined }, day);
  };
  /** @returns an empty text if the template refuses. */
  function renderOwn({ messages, tools = [], marksCalls = false, thinking: wish = NO_WISH, day }: TemplateInput) {
    const said = toVariables(wish);
    const own = () => tryFill(fill, { ...toOwnFields(messages, tools), ...said }, { day });
    const isHermes = format.calls === DEFAULT_FORMAT.calls;
    if (!hasOwnTools || (marksCalls && !isHermes)) return own();
    const native = tryFill(fill, { ...toNativeFields(messages, tools), ...said }, { day });
    // Some templates take only tools of the forms that their makers tried.
    return isHermes ? native || own() : native;
  }
  return {
    answerFormat: format,
    thinking,
    accepts: ({ messages, ...others }) => renderOwn({ messages: moveToolPictures(messages), ...others }) !== '',
    render({ messages: given, ...others }) {
      const messages = moveToolPictures(given);
      const input = { messages, ...others };
      const { tools = [], thinking: wish = NO_WISH, day } = others;
      const turns = () => toPlainTurns(writeTools(messages, tools, { takesSystem }));
      try {
        return (
          renderOwn(input) ||
          tryFill(fill, { ...toOwnFields(messages, tools), ...toVariables(wish) }, { day }) ||
          tryFill(fill, { ...toFields(turns()), ...toVariables(wish) }, { day }) ||
          fillFamily(toOwnFields(messages, tools), day)
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

const readFormat = (source: string, probe: FillTemplate): TemplateFormat =>
  detectAnswerFormat(source, tryFill(probe, QUESTION));

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

/** Returns the wish by the names that templates have for it. A template knows its own default. */
function toVariables({ wanted, effort }: ThinkingWish): object {
  const thinks = wanted === 'yes';
  return {
    ...(wanted !== 'unsaid' && { enable_thinking: thinks, thinking: thinks }),
    ...(effort !== 'unsaid' && { reasoning_effort: effort }),
  };
}

/** The effect decides: a name in the template's text may be any other variable's. */
function readThinking(source: string, fill: FillTemplate): TemplateThinking {
  const ask = (wish: Partial<ThinkingWish>) =>
    tryFill(fill, { ...QUESTION, ...toVariables({ ...NO_WISH, wanted: 'yes', ...wish }) });
  const [yes, no] = [ask({}), ask({ wanted: 'no' })];
  const formatOf = (rendered: string) => detectAnswerFormat(source, rendered).format;
  return {
    readsWanted: yes !== no,
    readsEffort: ask({ effort: 'low' }) !== ask({ effort: 'high' }),
    formats: { yes: formatOf(yes), no: formatOf(no) },
  };
}

/** How answers of a model with this template are read. */
export const readTemplateFormat = (source: string): AnswerFormat =>
  readFormat(source, openTemplate(source, { bosToken: '', eosToken: '' })(PROBE_STEPS)).format;

const NO_TEMPLATE: TemplateFormat = { format: DEFAULT_FORMAT, hasOwnTools: false };
const QUESTION = { messages: [{ role: 'user', content: 'question' }] };
const INSTRUCTION = 'instruction';
const INSTRUCTED: readonly ChatMessage[] = [{ role: 'system', content: INSTRUCTION }, ...QUESTION.messages];

/** Returns a tool in the form that templates list. */
const toTemplateTool = ({ name, description = '', parameters }: WrittenTool, { quote, quoteAll }: Quoting): object => ({
  type: 'function',
  function: { name: quote(name), description: quote(description), parameters: quoteAll(parameters) },
});

/**
 * Returns messages with calls in the form that templates know. Ids are counted anew: some templates take only nine letters and
 * digits. Those of the family `kimi` write the name of a call by its id alone. Arguments are an object; the templates of the family
 * `deepseek` add them to a text.
 */
function toTemplateMessages(
  messages: readonly ChatMessage[],
  { calls: family }: AnswerFormat,
  { quote, quoteAll, writeContent }: Quoting & { readonly writeContent: WriteContent },
): readonly object[] {
  const ids = new Map<string, string>();
  const names = new Map<string, string>();
  const toId = (id: string, name = ''): string => {
    const counted =
      family === 'kimi' ? `functions.${quote(name)}:${ids.size}` : `call${String(ids.size + 1).padStart(5, '0')}`;
    const known = ids.get(id) ?? counted;
    ids.set(id, known);
    return known;
  };
  return messages.map((message) => {
    const { role, content, reasoning, calls, callId } = message;
    const called = calls?.map(({ id, name, arguments: given }) => {
      names.set(id, name);
      const values = family === 'deepseek' ? undefined : readArguments(given);
      const written = values === undefined ? quote(given) : quoteAll(values);
      return { id: toId(id, name), type: 'function', function: { name: quote(name), arguments: written } };
    });
    return {
      role,
      content: writeContent(message),
      ...(reasoning !== undefined && { reasoning_content: quote(reasoning) }),
      // The other name of reasoning. Beside it some templates take no content.
      ...(reasoning !== undefined && content === '' && { thinking: quote(reasoning) }),
      ...(called && { tool_calls: called }),
      ...(callId !== undefined && { tool_call_id: toId(callId) }),
      // The id says it in the family `kimi`.
      ...(callId !== undefined && family !== 'kimi' && { name: quote(names.get(callId) ?? '') }),
    };
  });
}
