import { Module } from '@nestjs/common';
import { LabelingController } from './labeling.controller.js';
import { LabelingService } from './labeling.service.js';

@Module({ controllers: [LabelingController], providers: [LabelingService] })
export class LabelingModule {}
