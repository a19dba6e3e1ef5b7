// Tests never use the models of whoever runs them, nor the mesh that runs there: all of a run share a store of their own, which
// goes with it, and know of no mesh.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @public Vitest calls it before all tests, and what it returns after them. */
export default function setup(): () => void {
  const store = mkdtempSync(join(tmpdir(), 'ogong-test-models-'));
  process.env.OGONG_MODELS_DIR = store;
  process.env.OGONG_LAB_MODELS_DIR = store;
  process.env.OGONG_MESH_DIR = join(store, 'no-mesh');
  return () => rmSync(store, { recursive: true, force: true });
}
