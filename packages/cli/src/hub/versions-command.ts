import { defineConfig } from '@ogong/host/config/define-config';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { isMajorVersion } from '@ogong/hub/manifest';
import { findManifest } from '@ogong/hub/named/fetch-model';
import { formatVersion } from '@ogong/hub/named/named-model';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatTable } from '@ogong/provider/commands/format';
import { createNamedCommand, namedFields } from './named-command.ts';
import { askPlaces, fromField } from './open-places.ts';

export const versionsConfig = defineConfig({
  name: 'ogong hub versions',
  examples: ['ogong hub versions acme/small --deployment deployment.json'],
  summary: 'Lists the versions of a model, the newest first. A star marks the version in force.',
  fields: { ...namedFields, ...fromField, json: jsonField },
  positionals: { label: '<maker/model>', min: 1, max: 1 },
});

export const listVersions = createNamedCommand(versionsConfig, ({ values, name, hub, entry, ownPlaces, output }) => {
  const { facts } = entry;
  return askPlaces({ ...hub, ownPlaces }, async (asked) => {
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
});
