/** A server with a sandbox bank and outbox beside it, and a withdrawal over HTTP. */
import { startSandbox, type RunningSandbox } from '../contract/bank-support.ts';
import { freshDatabase } from '../setup/database.ts';
import { clientOf, startServer, type Client, type TestServer } from '../setup/server.ts';
import { until } from './payout-support.ts';

export interface PaymentServer {
  readonly databaseUrl: string;
  readonly server: TestServer;
  readonly sandbox: RunningSandbox;
  readonly operator: Client;
  /** With a card and this balance. */
  customer(userId: string, amount: number): Promise<Client>;
  /** Requested: the id. */
  request(user: Client, amount: number): Promise<string>;
  codeOf(userId: string, id: string): Promise<string>;
  close(): Promise<void>;
}

export async function paymentServer(): Promise<PaymentServer> {
  const database = await freshDatabase();
  const sandbox = await startSandbox();
  const server = await startServer({
    DATABASE_URL: database.url,
    BANK_URL: `${sandbox.url}/bank`,
    CODE_SENDER_URL: `${sandbox.url}/codes`,
    CARD_KEYS: `k1:${Buffer.alloc(32, 5).toString('base64')}`,
    WITHDRAWALS_PER_DAY: '10000',
  });
  const operator = await clientOf(server.url, 'olga', ['operator']);
  return {
    databaseUrl: database.url,
    server,
    sandbox,
    operator,
    async customer(userId, amount) {
      const deposit = { userId, asset: 'CNY', amount, reference: `first-of-${userId}` };
      const { status } = await operator.post('/v1/operator/deposits', deposit);
      if (status !== 201) throw new Error(`a deposit answered ${status}`);
      const user = await clientOf(server.url, userId);
      const card = { holderName: 'A B', cardNumber: '4111111111111111', bank: 'ICBC' };
      await user.call('PUT', '/v1/payment/registration', card);
      return user;
    },
    async request(user, amount) {
      const { status, body } = await user.post('/v1/withdrawals', { asset: 'CNY', amount });
      if (status !== 201) throw new Error(JSON.stringify(body));
      return String(body['id']);
    },
    async codeOf(userId, id) {
      const sent = () => sandbox.outbox.list(userId).find((item) => item.id === id);
      return (await until('a code', sent)).code;
    },
    async close() {
      const code = await server.end('SIGTERM');
      await sandbox.close();
      await database.drop();
      if (code !== 0) throw new Error(`the server ended with ${code}`);
    },
  };
}
