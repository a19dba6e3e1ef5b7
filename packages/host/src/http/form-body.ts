import type { Context } from 'hono';
import { ApiError } from './api-error.ts';
import { type BodyLimits, readBody, readJsonBody } from './body.ts';

/** Fields of a form that are no text in JSON. */
export interface FormFields {
  readonly numbers: readonly string[];
  readonly booleans: readonly string[];
  /** Fields whose text is JSON. */
  readonly json: readonly string[];
}

const FORM = /^multipart\/form-data\s*;/i;

export const isForm = ({ req }: Context): boolean => FORM.test(req.header('content-type') ?? '');

/**
 * Reads a body in JSON, or a form as JSON: files become data URLs, and a name that ends with `[]` becomes a list. The bytes of the JSON are
 * hashed and signed, so both forms of a request are one.
 * @throws ApiError 400, 408, 413 or 415
 */
export async function readFormBody(context: Context, limits: BodyLimits, fields: FormFields): Promise<Uint8Array> {
  if (!isForm(context)) return readJsonBody(context, limits);
  // A web page may send a form without a preflight request, even to a loopback server without keys.
  if (context.req.header('origin') !== undefined && context.req.header('authorization') === undefined) {
    throw new ApiError('unsupported_media_type', 'Web pages send the body as content-type: application/json.');
  }
  const form = await readForm(context, limits);
  const body: Record<string, unknown> = {};
  for (const [given, value] of form) {
    const isList = given.endsWith('[]');
    const name = isList ? given.slice(0, -2) : given;
    if (name in Object.prototype) throw createMalformed(`a field ${name}`);
    const read = typeof value === 'string' ? readText(name, value, fields) : await toDataUrl(value);
    const list = body[name];
    // A copy of the list for each of 40,000 values blocked a gateway for a minute.
    if (isList && Array.isArray(list)) list.push(read);
    else if (isList) body[name] = [read];
    else if (Object.hasOwn(body, name)) throw createMalformed(`the field ${name} twice`);
    else body[name] = read;
  }
  const bytes = Buffer.from(JSON.stringify(body));
  if (bytes.length > limits.maxBytes)
    throw new ApiError(
      'body_too_large',
      `The form has more than ${limits.maxBytes} bytes as JSON, with files as data URLs.`,
    );
  return bytes;
}

async function readForm(context: Context, limits: BodyLimits): Promise<FormData> {
  const bytes = await readBody(context, limits);
  const type = context.req.header('content-type') ?? '';
  try {
    return await new Response(Buffer.from(bytes), { headers: { 'content-type': type } }).formData();
  } catch (cause) {
    throw new ApiError('invalid_request', 'The form cannot be read.', { cause, publicCode: null });
  }
}

/** A text that is no value of its kind stays a text, so that the reader of the request refuses it by name. */
function readText(name: string, text: string, { numbers, booleans, json }: FormFields): unknown {
  if (numbers.includes(name)) return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
  if (booleans.includes(name)) return text === 'true' ? true : text === 'false' ? false : text;
  if (!json.includes(name)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function toDataUrl(file: File): Promise<string> {
  const type = /^[a-z]+\/[a-z0-9.+-]+$/i.test(file.type) ? file.type : 'application/octet-stream';
  return `data:${type};base64,${Buffer.from(await file.arrayBuffer()).toString('base64')}`;
}

const createMalformed = (what: string): ApiError =>
  new ApiError('invalid_request', `The form has ${what}.`, { publicCode: null });
