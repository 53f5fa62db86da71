import { ApiProperty } from '@nestjs/swagger';
import { ROLES, type Role } from '@plumbline/contracts';
import { IsString, Length } from 'class-validator';

export class LoginDto {
  @ApiProperty({ example: 'labeler@plumbline.example' }) @IsString() @Length(3, 320) email!: string;
  @ApiProperty({ format: 'password' }) @IsString() @Length(1, 1000) password!: string;
}

export class UserDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() email!: string;
  @ApiProperty() displayName!: string;
  @ApiProperty({ enum: ROLES, enumName: 'Role' }) role!: Role;
}

export class SessionDto {
  @ApiProperty({ type: UserDto }) user!: UserDto;
  @ApiProperty({ description: 'To be sent as X-CSRF-Token with every write of the browser' })
  csrfToken!: string;
}
