import { Injectable } from '@nestjs/common';
import { createUser, listUsers, type User } from '@plumbline/database';
import { DataSource } from 'typeorm';
import type { Caller } from '../auth/principal.js';
import { hashPassword } from '../auth/secrets.js';
import type { NewUserDto } from './people.controller.js';

@Injectable()
export class PeopleService {
  constructor(private readonly database: DataSource) {}

  list(): Promise<User[]> {
    return listUsers(this.database);
  }

  /** @throws DatabaseError `conflict` when the address has an account */
  async create({ email, displayName, role, password }: NewUserDto, caller: Caller): Promise<User> {
    const passwordHash = await hashPassword(password);
    return createUser(
      this.database,
      { kind: 'person', email, displayName, role, passwordHash },
      { kind: 'user', id: caller.userId },
    );
  }
}
