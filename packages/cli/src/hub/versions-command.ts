import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { isMajorVersion } from '@ogong/hub/manifest';
import { findManifest } from '@ogong/hub/named/fetch-model';
import { formatVersion } from '@ogong/hub/named/named-model';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatTable } from '@ogong/provider/commands/format';
import { openHub, readEntry, readName } from './open-hub.ts';
import { askPlaces, fromField, readPlaces } from './open-places.ts';

const program = 'ogong hub versions';

export const versionsConfig = defineConfig({
  name: program,
  examples: ['ogong hub versions acme/small --deployment deployment.json'],
  summary: 'Lists the versions of a model, the newest first. A star marks the version in force.',
  fields: { ...chainFields, ...modelsDirField, ...fromField, json: jsonField },
  positionals: { label: '<maker/model>', min: 1, max: 1 },
});

export const listVersions: Command['run'] = async (argv, output) => {
  const parsed = versionsConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const name = readName(program, positionals[0] as string);
  const ownPlaces = readPlaces(program, 'from', values.from);
  const hub = await openHub(program, values);
  const entry = await readEntry(hub, name);
  const { facts } = entry;
  return askPlaces({ store: hub.store, ownPlaces }, async (asked) => {
    const versions = [];
    for (const listed of entry.versions) {
      const isInForce = entry.inForce === listed;
      const shown = { modelRoot: toHex(listed.modelRoot), isInForce };
      try {
        const { found } = await findManifest({ ...asked, listed, facts });
        const { version, licence, notes } = found.manifest;
        const manifest = toHex(found.manifestHash);
        versions.push({
          ...shown,
          version: formatVersion(version),
          isMajor: isMajorVersion(version),
          licence,
          notes,
          manifest,
        });
      } catch (error) {
        if (!(error instanceof TransferError) || error.code === 'cancelled') throw error;
        versions.push({ ...shown, problem: error.message });
      }
    }
    if (values.json) printJson(output, { name: `${name.maker}/${name.model}`, versions });
    else
      output.write(
        formatTable(
          ['', 'version', 'root', 'licence', 'notes'],
          versions.map(({ isInForce, modelRoot, ...one }) => [
            isInForce ? '*' : '',
            'problem' in one ? '?' : one.version,
            modelRoot.slice(0, 16),
            'problem' in one ? '' : one.licence,
            'problem' in one ? one.problem : (one.notes.split('\n')[0] ?? ''),
          ]),
        ),
      );
    return EXIT.ok;
  });
};
