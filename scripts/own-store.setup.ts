// Tests never use belongings of their user: models, a running mesh, settings. All tests of a run share one temporary folder,
// which is removed at the end with all that they left in it.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Settings of test runs. Every other name is a setting of some program. */
const OF_TESTS =
  /^OGONG_(?:SEED|LONG|PROGRAMS|LAUNCHER|TEST_NOTES_FILE|TEST_FILES_FILE|RECORD|REUSE_RUNS|UPGRADE_FROM|COVERAGE|DEBUG|TEST_COMPILER)$/;

/** Settings of the programs here, and of clients of PostgreSQL, which take them in the place of what a test says. */
const SETTINGS = /^(?:OGONG_|PG[A-Z])/;

const LOOPBACK = '127.0.0.1,localhost,::1';

/** @public Vitest calls it before all tests of each project, and what it returns after them. */
export default function setup(): () => void {
  if (process.env.OGONG_TEST_FOLDER !== undefined) return () => {};
  const folder = mkdtempSync(join(tmpdir(), 'ogong-test-'));
  // PostgreSQL, which root starts as nobody, comes through it.
  chmodSync(folder, 0o711);
  for (const name of Object.keys(process.env)) {
    if (SETTINGS.test(name) && !OF_TESTS.test(name)) delete process.env[name];
  }
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = folder;
  process.env.OGONG_TEST_FOLDER = folder;
  const store = join(folder, 'models');
  mkdirSync(store);
  process.env.OGONG_MODELS_DIR = store;
  process.env.OGONG_LAB_MODELS_DIR = store;
  process.env.OGONG_MESH_DIR = join(folder, 'no-mesh');
  // As with npm test, compiled programs stay in the checkout.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../.cache/compile', import.meta.url));
  // Servers of tests are reached past any proxy.
  for (const name of ['NO_PROXY', 'no_proxy']) {
    process.env[name] = [LOOPBACK, process.env[name]].filter(Boolean).join();
  }
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
