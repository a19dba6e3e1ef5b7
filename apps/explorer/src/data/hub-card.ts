import { type AnswerFields, asBigInt, asBytes, asCount, asFields, asList, asText, orNothing } from './json-fields.ts';

/** Facts of a version's manifest; undefined as long as the gateway has not read it. */
export interface VersionFacts {
  readonly version: string | undefined;
  readonly licence: string | undefined;
  readonly notes: string | undefined;
  readonly formats: readonly string[];
  readonly sizeBytes: number | undefined;
  readonly modelRoot: string;
  readonly manifestHash: string | undefined;
  readonly isInForce: boolean;
  /** Reason for missing facts. */
  readonly problem: string | undefined;
}

/** A model in a list of the hub. */
export interface HubRow extends VersionFacts {
  readonly maker: string;
  readonly model: string;
}

export interface HubVersion extends VersionFacts {
  readonly places: readonly string[];
}

export interface CardFile {
  readonly path: string;
  readonly format: string;
  readonly sizeBytes: number;
  readonly blob: string;
}

export interface OriginRow {
  /** Root of the model that was made. */
  readonly of: string;
  /** Root of the model that it was made from. */
  readonly modelRoot: string;
  /** `maker/model` of the origin, if the gateway knows it. */
  readonly name: string | undefined;
  readonly relation: string;
  readonly licence: string;
}

/** A model id that providers serve, as the router reports it. */
export interface ServingRow {
  readonly id: string;
  readonly modelRoot: string;
  readonly units: string | undefined;
  readonly offers: readonly {
    readonly provider: string;
    readonly pricePer1k: bigint;
    readonly freeCapacity: number;
  }[];
}

/** A pin of one file, as the chain has it. */
export interface PinRow {
  readonly pin: string;
  readonly provider: string;
  readonly blob: string;
  readonly feePerEpoch: bigint;
  readonly epochs: number;
  readonly isAccepted: boolean;
  readonly proven: number;
  readonly missed: number;
}

/** The manifest of the shown version, as the gateway states it. */
export interface HubManifestFacts {
  readonly version: string;
  readonly licence: string;
  readonly notes: string;
  readonly files: readonly CardFile[];
  readonly evaluations: readonly string[];
  /** The bytes that the maker signed, with the signature. */
  readonly signed: Uint8Array;
}

/** A gateway's card of a model. Parts that it could not read are undefined. */
export interface HubCard {
  readonly maker: string;
  readonly model: string;
  readonly owner: string | undefined;
  readonly modelRoot: string;
  readonly versions: readonly HubVersion[];
  readonly manifest: HubManifestFacts | undefined;
  readonly problem: string | undefined;
  readonly readme: string | undefined;
  readonly readmeProblem: string | undefined;
  readonly lineage: readonly OriginRow[] | undefined;
  readonly served: readonly ServingRow[] | undefined;
  readonly pins: readonly PinRow[] | undefined;
}

const listOf =
  <T>(read: (fields: AnswerFields) => T) =>
  (value: unknown): readonly T[] =>
    asList(value).map((one) => read(asFields(one)));

const readVersionFacts = (fields: AnswerFields): VersionFacts => ({
  version: orNothing(fields.version, asText),
  licence: orNothing(fields.licence, asText),
  notes: orNothing(fields.notes, asText),
  formats: asList(fields.formats).map(asText),
  sizeBytes: orNothing(fields.size_bytes, asCount),
  modelRoot: asText(fields.model_root),
  manifestHash: orNothing(fields.manifest_hash, asText),
  isInForce: fields.in_force === true,
  problem: orNothing(fields.problem, asText),
});

export function readHubRow(value: unknown): HubRow {
  const fields = asFields(value);
  return { ...readVersionFacts(fields), maker: asText(fields.maker), model: asText(fields.model) };
}

export const readHubCard = (fields: AnswerFields): HubCard => ({
  maker: asText(fields.maker),
  model: asText(fields.model),
  owner: orNothing(fields.owner, asText),
  modelRoot: asText(fields.model_root),
  versions: listOf((one) => ({ ...readVersionFacts(one), places: asList(one.places).map(asText) }))(fields.versions),
  manifest: orNothing(fields.manifest, (value) => readManifest(asFields(value))),
  problem: orNothing(fields.problem, asText),
  readme: orNothing(fields.readme, asText),
  readmeProblem: orNothing(fields.readme_problem, asText),
  lineage: orNothing(fields.lineage, listOf(readEdge)),
  served: orNothing(fields.served, listOf(readServed)),
  pins: orNothing(fields.pins, listOf(readPin)),
});

const readManifest = (fields: AnswerFields): HubManifestFacts => ({
  version: asText(fields.version),
  licence: asText(fields.licence),
  notes: asText(fields.notes),
  files: listOf((file) => ({
    ...{ path: asText(file.path), format: asText(file.format), blob: asText(file.blob) },
    sizeBytes: asCount(file.size_bytes),
  }))(fields.files),
  evaluations: asList(fields.evaluations).map(asText),
  signed: asBytes(fields.signed_manifest),
});

const readEdge = (fields: AnswerFields): OriginRow => ({
  of: asText(fields.of),
  modelRoot: asText(fields.model_root),
  name: orNothing(fields.name, asText),
  relation: asText(fields.relation),
  licence: asText(fields.licence),
});

const readServed = (fields: AnswerFields): ServingRow => ({
  id: asText(fields.id),
  modelRoot: asText(fields.model_root),
  units: orNothing(fields.price_units, asText),
  offers: listOf((offer) => ({
    provider: asText(offer.provider),
    pricePer1k: asBigInt(offer.price_per_1k),
    freeCapacity: asCount(offer.free_capacity),
  }))(fields.offers),
});

const readPin = (fields: AnswerFields): PinRow => ({
  pin: asText(fields.pin),
  provider: asText(fields.provider),
  blob: asText(fields.blob),
  feePerEpoch: asBigInt(fields.fee_per_epoch),
  epochs: asCount(fields.epochs),
  isAccepted: fields.start !== null,
  proven: asCount(fields.proven),
  missed: asCount(fields.missed),
});
