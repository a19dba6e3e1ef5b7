// A server like the measured one, in a process of its own. In quiet rounds it takes the flood, so that both kinds of rounds share the
// machine's cores with the same work.
import { DOOR_SCENES } from './catalogue.ts';

process.on('message', async (told: { readonly scene: string }) => {
  const scene = DOOR_SCENES.find(({ id }) => id === told.scene);
  if (!scene) throw new Error(`no scene ${told.scene}`);
  const { flood } = await scene.open();
  process.send?.(flood);
});
