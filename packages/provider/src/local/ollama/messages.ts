import { parseMediaReference } from '@ogong/protocol/modality/media/media';
import { isAbsent } from '@ogong/protocol/modality/shared/field-rules';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { type Fields, readFields, readText } from '../field-rules.ts';
import { CALL_RULES, CALLED_RULES, MESSAGE_RULES } from './generation-rules.ts';

/** A message in OpenAI's form. */
export interface ServedMessage {
  readonly role: unknown;
  readonly content: unknown;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly object[];
  readonly tool_call_id?: string;
}

interface OpenCall {
  readonly id: string;
  readonly name: unknown;
}

/** Ollama's messages as OpenAI has them: there every call has an id, and an answer names it. @throws RequestError */
export function readMessages(value: unknown): {
  readonly messages: readonly ServedMessage[];
  readonly dropped: readonly string[];
} {
  if (!Array.isArray(value)) throw new RequestError('messages must be an array', 'messages');
  const dropped: string[] = [];
  const open = createOpenCalls();
  const messages = value.map((item: unknown, i): ServedMessage => {
    const param = `messages[${i}]`;
    const { fields, dropped: hints } = readFields(item, MESSAGE_RULES, param);
    for (const name of hints) dropped.push(name);
    const message = { role: fields.role, content: writeContent(fields.content ?? '', readImages(fields, param)) };
    if (fields.role === 'tool') {
      return { ...message, tool_call_id: takeCall(fields, open, `call_${i}`) };
    }
    const calls = fields.tool_calls === undefined ? [] : readCalls(dropped, fields.tool_calls, { param, index: i });
    for (const { id, function: called } of calls) open.add({ id, name: called.name });
    const thinking = readText(fields, 'thinking');
    return {
      ...message,
      ...(thinking !== undefined && thinking !== '' && { reasoning_content: thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
  });
  return { messages, dropped };
}

function readCalls(
  dropped: string[],
  value: unknown,
  { param, index }: { readonly param: string; readonly index: number },
) {
  const where = `${param}.tool_calls`;
  if (!Array.isArray(value)) throw new RequestError(`${where} must be an array`, where);
  return value.map((item: unknown, i) => {
    const { fields, dropped: ofCall } = readFields(item, CALL_RULES, `${where}[${i}]`);
    const { fields: called, dropped: ofCalled } = readFields(fields.function, CALLED_RULES, `${where}[${i}].function`);
    for (const name of [...ofCall, ...ofCalled]) dropped.push(name);
    const id = readText(fields, 'id') || `call_${index}_${i}`;
    return { id, type: 'function', function: { name: called.name, arguments: JSON.stringify(called.arguments ?? {}) } };
  });
}

/** Returns the references of the pictures of a message or a prompt. @param at names the message in errors. @throws RequestError */
export function readImages({ images }: Fields, at?: string): readonly string[] {
  const param = at === undefined ? 'images' : `${at}.images`;
  if (isAbsent(images)) return [];
  if (!Array.isArray(images)) throw new RequestError(`${param} must be an array`, param);
  return images.map((image: unknown, i) => parseMediaReference(image, `${param}[${i}]`));
}

/** Returns a message's content in OpenAI's form: its pictures stand before its text. */
export function writeContent(text: unknown, images: readonly string[]): unknown {
  if (images.length === 0) return text;
  const pictures = images.map((url) => ({ type: 'image_url', image_url: { url } }));
  return text === '' ? pictures : [...pictures, { type: 'text', text }];
}

/** Calls that no tool has answered, the oldest first. */
interface OpenCalls {
  add(call: OpenCall): void;
  /** Removes and returns the oldest call with this id or this name, or of all. */
  take(asked: { readonly id: string | undefined; readonly name: string | undefined }): OpenCall | undefined;
}

/** Each call is looked at once in each of its lists, however many messages there are. */
function createOpenCalls(): OpenCalls {
  const answered = new Set<OpenCall>();
  const createQueue = () => ({ calls: [] as OpenCall[], next: 0 });
  const all = createQueue();
  const byId = new Map<unknown, typeof all>();
  const byName = new Map<unknown, typeof all>();
  const push = (queues: typeof byId, key: unknown, call: OpenCall): void => {
    const queue = queues.get(key) ?? createQueue();
    queue.calls.push(call);
    queues.set(key, queue);
  };
  return {
    add(call) {
      all.calls.push(call);
      push(byId, call.id, call);
      push(byName, call.name, call);
    },
    take({ id, name }) {
      const queue = id !== undefined ? byId.get(id) : name !== undefined ? byName.get(name) : all;
      if (queue === undefined) return undefined;
      for (;;) {
        const call = queue.calls[queue.next];
        if (call === undefined) return undefined;
        queue.next++;
        if (answered.has(call)) continue;
        answered.add(call);
        return call;
      }
    },
  };
}

/** Takes the call that a tool answers: by its id, by the tool's name, or the first that has no answer yet. */
function takeCall(fields: Fields, open: OpenCalls, fallback: string): string {
  const id = readText(fields, 'tool_call_id') || undefined;
  const name = readText(fields, 'tool_name') || undefined;
  return open.take({ id, name })?.id ?? id ?? fallback;
}
