import { defineConfig } from '@ogong/host/config/define-config';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { HubManifest } from '@ogong/hub/manifest';
import { type FoundVersion, findVersion } from '@ogong/hub/named/find-version';
import { formatVersion } from '@ogong/hub/named/named-model';
import { toHex } from '@ogong/protocol/base/bytes';
import { toPrintable } from '@ogong/protocol/base/printable';
import { formatBytes } from '@ogong/provider/commands/format';
import { rememberModel } from './known-models.ts';
import { createNamedCommand, namedFields } from './named-command.ts';
import { askPlaces, fromField } from './open-places.ts';
import { readReadme } from './read-readme.ts';

export const cardConfig = defineConfig({
  name: 'ogong hub card',
  examples: ['ogong hub card acme/small --deployment deployment.json'],
  summary:
    'Shows the card of a model: its maker, licence, lineage, files and README, from the manifest that its maker signed.',
  fields: { ...namedFields, ...fromField, json: jsonField },
  positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
});

export const showCard = createNamedCommand(cardConfig, ({ values, name, hub, entry, ownPlaces, output }) =>
  askPlaces({ ...hub, ownPlaces }, async (asked) => {
    const version = await findVersion({ ...asked, entry, version: name.version });
    const readme = await readReadme(version, asked);
    await rememberModel(hub, version.found, readme);
    const owner = `0x${toHex(entry.facts.owner ?? new Uint8Array())}`;
    const { manifest } = version.found;
    if (values.json)
      printJson(output, {
        owner,
        ...toPlain(manifest),
        versions: entry.versions.length,
        sources: version.listed.sources,
        readme,
      });
    else writeCard(output, { version, owner, readme, versions: entry.versions.length });
    return EXIT.ok;
  }),
);

/** Hashes as hex digits. */
const toPlain = ({ version, modelRoot, files, lineage, evaluations, ...rest }: HubManifest) => ({
  ...rest,
  version: formatVersion(version),
  modelRoot: toHex(modelRoot),
  files: files.map(({ sha256, blockRoot, ...file }) => ({ ...file, sha256: toHex(sha256), blob: toHex(blockRoot) })),
  lineage: lineage.map((origin) => ({ ...origin, modelRoot: toHex(origin.modelRoot) })),
  evaluations: evaluations.map(toHex),
});

interface ShownCard {
  readonly version: FoundVersion;
  readonly owner: string;
  readonly readme: string | undefined;
  /** Versions of the registry. */
  readonly versions: number;
}

function writeCard(output: Output, { version, owner, readme, versions }: ShownCard): void {
  const {
    maker,
    model,
    version: number,
    licence,
    modelRoot,
    lineage,
    files,
    notes,
    evaluations,
  } = version.found.manifest;
  const lines = [
    `${maker}/${model} ${formatVersion(number)} by ${owner}`,
    `licence ${licence}`,
    `root ${toHex(modelRoot)}`,
    `versions ${versions}`,
    ...lineage.map((origin) => `${origin.relation} ${toHex(origin.modelRoot)} under ${origin.licence}`),
    ...files.map(({ path, sizeBytes }) => `file ${path}  ${formatBytes(sizeBytes)}`),
    ...evaluations.map((hash) => `evaluation ${toHex(hash)}`),
    ...version.listed.sources.map((source) => `source ${source}`),
    ...(notes === '' ? [] : ['', notes]),
    ...(readme === undefined ? [] : ['', readme]),
  ];
  // The maker wrote notes and README, and a pipe may end at a terminal.
  output.write(`${toPrintable(lines.join('\n')).trimEnd()}\n`);
}
