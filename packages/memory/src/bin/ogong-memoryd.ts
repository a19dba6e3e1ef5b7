#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { enterDataDirectory } from '@ogong/host/files/data-directory';
import { runCommand } from '@ogong/host/lifecycle/command';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { createLogger } from '@ogong/host/log/logger';
import { createObservation } from '@ogong/host/metrics/observation';
import { systemClock } from '@ogong/host/time/clock';
import { isBackupCommand, runBackupCommand } from '../daemon/backup-commands.ts';
import { createModels } from '../daemon/create-models.ts';
import { runKeyCommand } from '../daemon/key-command.ts';
import { createMemoryd } from '../daemon/memoryd.ts';
import { memorydConfig } from '../daemon/memoryd-config.ts';
import { openKeys, openMasterKey, openMemories } from '../daemon/open-store-files.ts';
import { runRotateCommand } from '../daemon/rotate-command.ts';

const NAME = 'ogong-memoryd';

async function start(): Promise<Daemon> {
  const parsed = memorydConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const log = createLogger({ name: NAME, level: values.logLevel });
  enterDataDirectory(values.dataDir);
  const models = createModels(NAME, values);
  const masterKey = await openMasterKey(values);
  const memories = await openMemories(values, masterKey);
  const keys = await openKeys(values, masterKey);
  const observation = createObservation({ name: NAME, role: 'memory', log }, values);
  const { bind, maxConnections, connectionsPerAddress: maxConnectionsPerAddress } = values;
  const { maxBody: maxBytes, bodyTimeout: timeoutMs, origin: origins, allowHost: hosts } = values;
  const memoryd = createMemoryd(
    { bind, maxConnections, maxConnectionsPerAddress, bodyLimits: { maxBytes, timeoutMs }, origins, hosts },
    { store: memories.opened, keys: keys.opened, models, clock: systemClock, log, metrics: observation.metrics },
  );
  await observation.start();
  await memoryd.start();
  return {
    ready: { ...observation.ready, address: memoryd.address() },
    async stop() {
      await memoryd.stop();
      await observation.stop();
      await keys.close();
      await memories.close();
    },
  };
}

const [first = '', ...argv] = process.argv.slice(2);
const line = { argv, env: process.env };
if (first === 'key') await runCommand(NAME, (output) => runKeyCommand(line, output));
else if (first === 'rotate') await runCommand(NAME, (output) => runRotateCommand(line, output));
else if (isBackupCommand(first)) await runCommand(NAME, (output) => runBackupCommand(first, line, output));
else await runDaemon(start, { name: NAME });
