import type { BoundedLog } from './bounded-log.js';
import { identify, type ProcessIdentity } from './process-control.js';
import { writeState, type SupervisorState } from './service-state.js';
import {
  SUPERVISION_TIMES,
  SupervisedService,
  type ServiceDefinition,
  type SupervisionTimes,
} from './supervised-service.js';
import { ServicesError } from './services-error.js';

/** A service that somebody else runs; it is shown and never touched. */
export interface ExternalService {
  readonly name: string;
  readonly address: string;
}

export interface SupervisorOptions {
  readonly home: string;
  readonly apiUrl: string | null;
  /** In the order in which they are shown. */
  readonly services: readonly (ServiceDefinition | ExternalService)[];
  readonly openLog: (service: string) => BoundedLog;
  readonly times?: SupervisionTimes;
}

/**
 * Starts a set of services in their order, keeps them running and stops them in the reverse order. Its state is in
 * PLUMBLINE_HOME/run/services.json after every change.
 */
export class Supervisor {
  readonly #services = new Map<string, SupervisedService>();
  readonly #startedAt = new Date().toISOString();
  #state: SupervisorState['state'] = 'starting';
  #problem: string | null = null;

  private constructor(
    private readonly options: SupervisorOptions,
    private readonly identity: ProcessIdentity,
  ) {
    for (const service of options.services) {
      if (!isDefinition(service)) continue;
      const supervised = new SupervisedService(
        service,
        options.openLog(service.name),
        options.times ?? SUPERVISION_TIMES,
        () => {
          this.#save();
        },
      );
      this.#services.set(service.name, supervised);
    }
    this.#save();
  }

  static async create(options: SupervisorOptions): Promise<Supervisor> {
    return new Supervisor(options, await identify(process.pid));
  }

  /** Resolves when all are ready. When one does not become so, all are stopped. @throws ServicesError of that one */
  async start(): Promise<void> {
    const starts = new Map<string, Promise<void>>();
    const start = (name: string): Promise<void> => {
      const service = this.#services.get(name);
      // Somebody else's service is ready from the start.
      if (!service) return Promise.resolve();
      const known = starts.get(name);
      if (known) return known;
      const starting = Promise.all(service.definition.after.map(start)).then(() => service.start());
      starting.catch(() => undefined);
      starts.set(name, starting);
      return starting;
    };
    for (const name of this.#services.keys()) void start(name);
    try {
      await Promise.all(starts.values());
    } catch (error) {
      if (this.#state !== 'starting') return;
      this.#problem =
        error instanceof ServicesError ? error.message : String((error as Error).stack ?? error);
      await this.#stopAll();
      this.#setState('failed');
      throw error;
    }
    if (this.#state === 'starting') this.#setState('running');
  }

  /** Stops everything; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#setState('stopping');
    await this.#stopAll();
    this.#setState('stopped');
  }

  async #stopAll(): Promise<void> {
    const stops = new Map<string, Promise<void>>();
    const stop = (service: SupervisedService): Promise<void> => {
      const { name } = service.definition;
      const known = stops.get(name);
      if (known) return known;
      const dependents = [...this.#services.values()].filter(({ definition }) =>
        definition.after.includes(name),
      );
      const stopping = Promise.all(dependents.map(stop)).then(() => service.stop());
      stops.set(name, stopping);
      return stopping;
    };
    for (const service of this.#services.values()) void stop(service);
    await Promise.all(stops.values());
  }

  #setState(state: SupervisorState['state']): void {
    this.#state = state;
    this.#save();
  }

  #save(): void {
    const { home, apiUrl, services } = this.options;
    writeState(home, {
      supervisor: this.identity,
      state: this.#state,
      startedAt: this.#startedAt,
      problem: this.#problem,
      apiUrl,
      services: services.map((service) => this.#services.get(service.name)?.record ?? external(service)),
    });
  }
}

function isDefinition(service: ServiceDefinition | ExternalService): service is ServiceDefinition {
  return 'launch' in service;
}

function external(service: ServiceDefinition | ExternalService) {
  return {
    name: service.name,
    state: 'external' as const,
    address: service.address,
    process: null,
    restarts: 0,
    detail: null,
  };
}
