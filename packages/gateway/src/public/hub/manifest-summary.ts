import type { HubManifest } from '@ogong/hub/manifest';
import type { FetchedManifest } from '@ogong/hub/named/fetch-manifest';
import { formatVersion } from '@ogong/hub/named/named-model';
import { MAX_TEXT_CHARACTERS } from '@ogong/hub/search/search-index';
import { toHex } from '@ogong/protocol/base/bytes';

/** The facts of a manifest that lists and lineages show. */
export interface ManifestSummary {
  /** Such as `1.2.0`. */
  readonly version: string;
  readonly licence: string;
  /** Beginning of the notes. */
  readonly notes: string;
  /** Formats of the files with weights. */
  readonly formats: readonly string[];
  /** Of all files. */
  readonly sizeBytes: number;
  readonly lineage: readonly Origin[];
}

/** A model that another one was made from. */
export interface Origin {
  /** 64 hex digits. */
  readonly modelRoot: string;
  readonly relation: string;
  /** SPDX expression under which the maker took it. */
  readonly licence: string;
}

export const summarizeManifest = ({ manifest }: FetchedManifest): ManifestSummary => ({
  version: formatVersion(manifest.version),
  licence: manifest.licence,
  notes: manifest.notes.slice(0, MAX_TEXT_CHARACTERS),
  formats: listFormats(manifest),
  sizeBytes: sumSizes(manifest),
  lineage: manifest.lineage.map(({ modelRoot, relation, licence }) => ({
    modelRoot: toHex(modelRoot),
    relation,
    licence,
  })),
});

const listFormats = ({ files }: HubManifest): string[] => [
  ...new Set(files.filter(({ isWeight }) => isWeight).map(({ format }) => format)),
];

const sumSizes = ({ files }: HubManifest): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
