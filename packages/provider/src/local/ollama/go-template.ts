import { RequestError } from '@ogong/protocol/modality/shared/request-error';

/** Texts that a template of /api/generate may name. */
export type TemplateTexts = Readonly<Record<'System' | 'Prompt' | 'Response' | 'Suffix', string>>;

const MAX_TEMPLATE = 65_536;
const MAX_DEPTH = 32;

type Step = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'action'; readonly words: string };

/**
 * Writes a prompt by a template in Ollama's form. Its fields are .System, .Prompt, .Suffix and .Response; `if` with one field,
 * `else`, `end`, comments and trimming are known. The prompt ends where the model's answer begins, at .Response.
 * @throws RequestError for any other action.
 */
export function renderGoTemplate(template: string, texts: TemplateTexts): string {
  if (template.length > MAX_TEMPLATE) throw refuse(`at most ${MAX_TEMPLATE} characters are read`);
  /** Whether each open branch, and all around it, is written. */
  const open: { isWritten: boolean; readonly isAround: boolean; hasElse: boolean }[] = [];
  let written = '';
  for (const step of split(template)) {
    const isWritten = open.at(-1)?.isWritten ?? true;
    if (step.kind === 'text') {
      if (isWritten) written += step.text;
      continue;
    }
    const { words } = step;
    const last = open.at(-1);
    const asked = /^if\s+\.(\w+)$/.exec(words)?.[1];
    if (words.startsWith('/*') && words.endsWith('*/')) continue;
    if (asked !== undefined) {
      if (open.length >= MAX_DEPTH) throw refuse(`at most ${MAX_DEPTH} conditions stand in each other`);
      open.push({ isAround: isWritten, isWritten: isWritten && readField(texts, asked) !== '', hasElse: false });
    } else if (words === 'else') {
      if (last === undefined || last.hasElse) throw refuse('an else has no if');
      last.hasElse = true;
      last.isWritten = last.isAround && !last.isWritten;
    } else if (words === 'end') {
      if (open.pop() === undefined) throw refuse('an end has no if');
    } else {
      const field = /^\.(\w+)$/.exec(words)?.[1];
      if (field === undefined)
        throw refuse(`{{ ${words.slice(0, 60)} }} is not known; known are fields, if with a field, else and end`);
      const text = readField(texts, field);
      if (!isWritten) continue;
      if (field === 'Response') return written + text;
      written += text;
    }
  }
  if (open.length > 0) throw refuse('an if has no end');
  return written;
}

/** Cuts a template into texts and actions. A hyphen at the edge of an action takes the blanks beside it away. */
function split(template: string): Step[] {
  const steps: Step[] = [];
  let at = 0;
  let trimsStart = false;
  const addText = (text: string, trimsEnd: boolean): void => {
    const left = trimsStart ? text.trimStart() : text;
    steps.push({ kind: 'text', text: trimsEnd ? left.trimEnd() : left });
  };
  for (let start = template.indexOf('{{'); start >= 0; start = template.indexOf('{{', at)) {
    const end = template.indexOf('}}', start + 2);
    if (end < 0) throw refuse('a {{ has no }}');
    const action = template.slice(start + 2, end);
    const [trimsBefore, trimsAfter] = [/^-\s/.test(action), /\s-$/.test(action)];
    addText(template.slice(at, start), trimsBefore);
    steps.push({ kind: 'action', words: action.slice(trimsBefore ? 1 : 0, trimsAfter ? -1 : undefined).trim() });
    trimsStart = trimsAfter;
    at = end + 2;
  }
  const rest = template.slice(at);
  addText(rest, false);
  return steps;
}

function readField(texts: TemplateTexts, field: string): string {
  if (Object.hasOwn(texts, field)) return texts[field as keyof TemplateTexts];
  throw refuse(`.${field.slice(0, 40)} is not known; known are .System, .Prompt, .Suffix and .Response`);
}

const refuse = (why: string): RequestError => new RequestError(`template: ${why}`, 'template', 'unsupported_parameter');
