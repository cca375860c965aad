/**
 * HTTP client of the contract: keep-alive, bounded connections, and the one rule about the unknown: after a 503 or a
 * broken connection the same request is sent again (invariant 7).
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Answer {
  readonly status: number;
  /** The parsed JSON body; empty when there was none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** How often the request was repeated before this answer. */
  readonly retries: number;
}

export interface Call {
  readonly token?: string;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

interface Raw {
  readonly status: number;
  readonly text: string;
  readonly retryAfterSeconds: number;
}

const connectionsDefault = 128;
const answerMs = 20_000;
/** A request is repeated for this long, then its last answer or error counts. */
const patienceMs = 60_000;
const pauseMsMin = 50;

export class ApiClient {
  readonly #base: URL;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;
  /** Requests repeated so far, by reason. */
  readonly repeats = new Map<string, number>();

  constructor(url: string, connections: number = connectionsDefault) {
    this.#base = new URL(url);
    const secure = this.#base.protocol === 'https:';
    const settings = { keepAlive: true, maxSockets: connections };
    this.#agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings);
    this.#request = secure ? httpsRequest : httpRequest;
  }

  /** @param path with query, such as `/v1/batches/7/claims?open=true` */
  async call(method: 'GET' | 'POST', path: string, call: Call = {}): Promise<Answer> {
    const until = performance.now() + patienceMs;
    for (let retries = 0; ; retries += 1) {
      let pauseMs = pauseMsMin;
      try {
        const raw = await this.#send(method, path, call);
        const body = raw.text === '' ? {} : (JSON.parse(raw.text) as Answer['body']);
        const code = String(body['code']);
        if (!isUnknown(raw.status, code) || performance.now() > until) {
          return { status: raw.status, body, retries };
        }
        this.#count(`${raw.status} ${code}`);
        pauseMs = Math.max(pauseMs, raw.retryAfterSeconds * 1_000);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error) || performance.now() > until) throw error;
        this.#count(String(error.code));
      }
      await sleep(pauseMs);
    }
  }

  #count(reason: string): void {
    this.repeats.set(reason, (this.repeats.get(reason) ?? 0) + 1);
  }

  #send(method: string, path: string, { token, body, idempotencyKey }: Call): Promise<Raw> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string | number> = {};
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    if (text !== undefined) headers['content-type'] = 'application/json';
    if (method !== 'GET') headers['content-length'] = Buffer.byteLength(text ?? '');
    const { hostname, port } = this.#base;
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, hostname, port, method, path, headers };
      const request = this.#request({ ...options, timeout: answerMs }, (response) => {
        let received = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          received += chunk;
        });
        response.on('error', reject).on('end', () => {
          const retryAfterSeconds = Number(response.headers['retry-after'] ?? '0');
          resolve({ status: response.statusCode ?? 0, text: received, retryAfterSeconds });
        });
      });
      request.on('error', reject);
      request.on('timeout', () => {
        request.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
      });
      request.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function isUnknown(status: number, code: string): boolean {
  return status === 503 || (status === 409 && code === 'idempotency_in_progress');
}

/** The answer's body when its status is one of these. @throws Error naming the call and what came instead */
export async function expectStatus(
  what: string,
  answer: Promise<Answer>,
  ...statuses: readonly number[]
): Promise<Answer['body']> {
  const { status, body } = await answer;
  if (statuses.includes(status)) return body;
  throw new Error(
    `${what}: expected ${statuses.join(' or ')}, got ${status} ${JSON.stringify(body)}`,
  );
}
