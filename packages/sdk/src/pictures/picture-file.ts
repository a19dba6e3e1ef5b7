import { toBase64 } from '@ogong/protocol/base/bytes';
import { PICTURE_FORM_FIELDS } from '@ogong/protocol/modality/trajectory/fields';
import type { PictureFile } from '../types.ts';

/** The provider recognises PNG, JPEG, WebP and GIF by their first bytes, so the type is a name alone. */
const USUAL_TYPE = 'image/png';

/** Returns a file as a data URL. Any other value passes as it is, and the gateway refuses it by name. */
export async function toDataUrl(file: PictureFile): Promise<string> {
  if (!(file instanceof Blob || file instanceof Uint8Array)) return file;
  const [bytes, type] = file instanceof Blob ? [await file.bytes(), file.type] : [file, USUAL_TYPE];
  return `data:${type === '' ? USUAL_TYPE : type};base64,${toBase64(bytes)}`;
}

/** Reads a form, as other clients send a picture to change, as the fields of a request in JSON. A field that comes twice is a list. */
export async function readForm(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const fields: Record<string, unknown> = {};
  for (const [given, value] of await request.formData()) {
    const name = given.endsWith('[]') ? given.slice(0, -2) : given;
    const read = typeof value === 'string' ? readText(name, value) : await toDataUrl(value);
    fields[name] = Object.hasOwn(fields, name) ? [fields[name], read].flat() : read;
  }
  return fields;
}

function readText(name: string, text: string): unknown {
  const has = (names: readonly string[]): boolean => names.includes(name);
  if (has(PICTURE_FORM_FIELDS.numbers)) return Number(text);
  return has(PICTURE_FORM_FIELDS.booleans) || has(PICTURE_FORM_FIELDS.json) ? JSON.parse(text) : text;
}
