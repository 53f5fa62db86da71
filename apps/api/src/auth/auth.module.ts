import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { LOGIN_ATTEMPTS } from './login-limit.guard.js';

@Module({
  imports: [ThrottlerModule.forRoot([LOGIN_ATTEMPTS])],
  controllers: [AuthController],
  providers: [AuthService, { provide: APP_GUARD, useClass: AuthenticationGuard }],
})
export class AuthModule {}
