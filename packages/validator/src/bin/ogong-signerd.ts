#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { runSigner, SIGNER_NAME } from '../signer/run-signer.ts';

await runDaemon(
  async () => {
    const started = await runSigner(process.argv.slice(2), process.env);
    if (!('text' in started)) return started;
    process.stdout.write(started.text);
    process.exit(0);
  },
  { name: SIGNER_NAME },
);
