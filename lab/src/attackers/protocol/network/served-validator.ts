import { serveValidator } from '../../../bad-days/validator-door.ts';
import { type Breaks, openAttacked } from '../breaks.ts';

/** Opens a validator behind its link server. A restart closes the server and opens it again at the same endpoint. */
export async function openServedValidator(breaks: Breaks) {
  const validator = openAttacked(breaks);
  let served = await serveValidator(validator);
  const { door } = served;
  breaks.add('validator', async () => {
    await served.close();
    served = await serveValidator(validator, { bind: door.endpoint });
  });
  return {
    ...{ validator, door },
    async close() {
      await served.close();
      await validator.close();
    },
  };
}
