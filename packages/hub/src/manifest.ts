import { compareBytes, equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import {
  type Codec,
  type CodecType,
  createFormat,
  type Format,
  flag,
  hash,
  list,
  oneOf,
  plainText,
  refine,
  safeInteger,
  struct,
  text,
  u16,
  u32,
  within,
} from '@ogong/protocol/base/codec';
import { toPrintable } from '@ogong/protocol/base/printable';
import { computeFolderRoot } from '@ogong/protocol/commitment/folder-root';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_FILE_BYTES } from './block-size.ts';
import { FILE_FORMATS, hasNameOf, isFilePath } from './file-format.ts';
import { findLicenceProblem, MAX_LICENCE_BYTES, parseLicence, RELATIONS } from './licence.ts';

/** The most files of a model. */
export const MAX_FILES = 1_024;
/** The most bytes of all files of a model. */
export const MAX_MODEL_BYTES = 2 ** 42;
/** The most models that one was made from. */
export const MAX_LINEAGE = 16;
/** The most evaluations that a manifest names. */
export const MAX_EVALUATIONS = 64;
const MAX_NOTES_BYTES = 4_096;
const MAX_PATH_BYTES = 403;
/** The largest manifest. */
export const MAX_MANIFEST_BYTES = 2 ** 19;

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** A name as the model registry allows it. */
const name: Codec<string> = refine(plainText(64), (value) => {
  if (!NAME.test(value)) throw new ProtocolError('malformed', `"${value}" is no name of the model registry`);
});

const notes: Codec<string> = refine(text(MAX_NOTES_BYTES), (value) => {
  if (toPrintable(value) !== value) throw new ProtocolError('malformed', 'notes with characters that terminals obey');
});

const licence: Codec<string> = refine(text(MAX_LICENCE_BYTES), parseLicence);

const fileCodec = refine(
  struct({
    /** Relative to the model's folder, with slashes. */
    path: text(MAX_PATH_BYTES),
    sizeBytes: within(safeInteger, 1, MAX_FILE_BYTES),
    /** SHA-256 of the content, 32 bytes. */
    sha256: hash,
    /** Root of the tree over the blocks, 32 bytes. It is the id of the content in a store. */
    blockRoot: hash,
    format: oneOf(FILE_FORMATS),
    /** Whether the file counts in the model root. */
    isWeight: flag,
  }),
  ({ path, format }) => {
    if (!isFilePath(path)) throw new ProtocolError('malformed', `"${path}" is no path of a model's file`);
    if (!hasNameOf(format, path)) throw new ProtocolError('malformed', `"${path}" is no name of a file in ${format}`);
  },
);

/** One file of a model. */
export interface ManifestFile extends CodecType<typeof fileCodec> {}

/** A model that this one was made from. */
const originCodec = struct({
  /** Root of the other model, 32 bytes. */
  modelRoot: hash,
  relation: oneOf(RELATIONS),
  /** SPDX expression under which the maker took the other model. */
  licence,
});

const versionCodec = struct({ major: u32, minor: u32, patch: u32 });

/** A semantic version. It is a major one if minor and patch are 0. */
export interface SemanticVersion extends CodecType<typeof versionCodec> {}

const manifestCodec = refine(
  struct({
    maker: name,
    model: name,
    version: versionCodec,
    /** Changes since the version before, for people; may be empty. */
    notes,
    /** Identity of the weights, 32 bytes. */
    modelRoot: hash,
    /** How the model root follows from the files: shards in the order of their paths, or a model folder. */
    rootRule: oneOf(['shards', 'folder']),
    files: list(fileCodec, { count: u16, min: 1, max: MAX_FILES, ascending: comparePaths }),
    /** SPDX expression. */
    licence,
    lineage: list(originCodec, {
      ...{ count: u16, max: MAX_LINEAGE },
      ascending: (a, b) => compareBytes(a.modelRoot, b.modelRoot),
    }),
    /** SHA-256 of evaluations of these weights (docs/spec/evaluation.md), 32 bytes each. */
    evaluations: list(hash, { count: u16, max: MAX_EVALUATIONS, ascending: compareBytes }),
  }),
  (manifest) => {
    assertFiles(manifest.files);
    for (const origin of manifest.lineage) {
      if (equalBytes(origin.modelRoot, manifest.modelRoot))
        throw new ProtocolError('malformed', 'lineage: a model that was made from itself');
      const problem = findLicenceProblem({ licence: manifest.licence, relation: origin.relation }, origin.licence);
      if (problem !== undefined) throw new ProtocolError('malformed', `lineage: ${problem}`);
    }
  },
);

/** A maker's statement about one version of a model (docs/spec/hub.md). */
export interface HubManifest extends CodecType<typeof manifestCodec> {}

/** Refuses two files that would be one on a disk, and sums that no reader has room for. */
function assertFiles(files: readonly ManifestFile[]): void {
  const refuse = (reason: string): never => {
    throw new ProtocolError('malformed', `files: ${reason}`);
  };
  const paths = new Set<string>();
  for (const { path } of files) {
    const lower = path.toLowerCase();
    if (paths.has(lower)) refuse(`${path} differs from another path by case alone`);
    paths.add(lower);
  }
  for (const path of paths)
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
      if (paths.has(path.slice(0, at))) refuse(`${path.slice(0, at)} is a file and a folder`);
  if (files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > MAX_MODEL_BYTES)
    refuse(`more than ${MAX_MODEL_BYTES} bytes`);
  if (!files.some(({ isWeight }) => isWeight)) refuse('none counts in the model root');
}

/** Paths are ASCII, so the order of code units is that of bytes. */
function comparePaths(a: ManifestFile, b: ManifestFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** The canonical bytes of a manifest. @throws ProtocolError for each rule of docs/spec/hub.md. */
export const manifestFormat: Format<HubManifest> = createFormat<HubManifest>(manifestCodec, {
  ...{ tag: 'ogong-hub-manifest-v1', maxBytes: MAX_MANIFEST_BYTES },
});

/** Parses a manifest that a stranger sent. Its signature and its model root are not checked here. @throws ProtocolError */
export const parseHubManifest: (bytes: Uint8Array) => HubManifest = manifestFormat.decode;

/** Returns whether a version is a major one. */
export const isMajorVersion = ({ minor, patch }: SemanticVersion): boolean => minor === 0 && patch === 0;

/** Computes the model root from the hashes of the files that count, 32 bytes. */
export function computeManifestRoot(
  crypto: Pick<Crypto, 'sha256'>,
  { files, rootRule }: Pick<HubManifest, 'files' | 'rootRule'>,
): Uint8Array {
  const weights = files.filter(({ isWeight }) => isWeight);
  return rootRule === 'folder'
    ? computeFolderRoot(crypto, weights)
    : crypto.sha256(...weights.map(({ sha256 }) => sha256));
}
